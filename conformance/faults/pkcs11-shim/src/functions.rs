#![expect(unsafe_code, reason = "the functions of a PKCS#11 module have C's pointers as arguments")]

use std::ffi::c_void;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_FLAGS, CK_FUNCTION_LIST, CK_INFO, CK_MECHANISM, CK_MECHANISM_INFO, CK_MECHANISM_TYPE,
    CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_ULONG, CK_USER_TYPE,
    CK_UTF8CHAR, CK_VERSION, CKR_FUNCTION_NOT_SUPPORTED,
};

/// What a function reaches, as far as a token that was taken out is concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// The module and its slots; they are still there.
    Module,
    /// The token in a slot.
    Slot,
    /// A session, which ends with the token.
    Session,
}

/// Writes the list that the module hands out: `passed` are the functions that go on with the arguments as they came,
/// `own` those that `shim.rs` writes because their answer changes, too.
macro_rules! functions {
    (
        passed { $($reach:ident $name:ident($($argument:ident: $kind:ty),*);)* }
        own { $($own_reach:ident $own:ident;)* }
    ) => {
        /// The functions of the list.
        #[expect(non_camel_case_types, clippy::enum_variant_names, reason = "the names are the standard's")]
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Function {
            $($name,)*
            $($own,)*
        }

        impl Function {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)* $(Self::$own,)*];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    $(Self::$own => stringify!($own),)*
                }
            }

            pub(crate) fn reach(self) -> Reach {
                match self {
                    $(Self::$name => Reach::$reach,)*
                    $(Self::$own => Reach::$own_reach,)*
                }
            }
        }

        /// What the module hands out.
        pub(crate) static LIST: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($name: Some($name),)*
            $($own: Some(crate::shim::$own),)*
        };

        $(
            #[expect(non_snake_case, reason = "the names are the standard's")]
            unsafe extern "C" fn $name($($argument: $kind),*) -> CK_RV {
                crate::shim::call(Function::$name, |real| match real.$name {
                    // SAFETY: the caller keeps the standard's contract for this function, and the real one of the same
                    // type gets the arguments as they came.
                    Some(real) => unsafe { real($($argument),*) },
                    None => CKR_FUNCTION_NOT_SUPPORTED,
                })
            }
        )*
    };
}

functions! {
    passed {
        Module C_Initialize(a1: *mut c_void);
        Module C_Finalize(a1: *mut c_void);
        Module C_GetInfo(a1: *mut CK_INFO);
        Slot C_GetMechanismList(a1: CK_SLOT_ID, a2: *mut CK_MECHANISM_TYPE, a3: *mut CK_ULONG);
        Slot C_GetMechanismInfo(a1: CK_SLOT_ID, a2: CK_MECHANISM_TYPE, a3: *mut CK_MECHANISM_INFO);
        Slot C_InitToken(a1: CK_SLOT_ID, a2: *mut CK_UTF8CHAR, a3: CK_ULONG, a4: *mut CK_UTF8CHAR);
        Session C_InitPIN(a1: CK_SESSION_HANDLE, a2: *mut CK_UTF8CHAR, a3: CK_ULONG);
        Session C_SetPIN(
            a1: CK_SESSION_HANDLE, a2: *mut CK_UTF8CHAR,
            a3: CK_ULONG, a4: *mut CK_UTF8CHAR, a5: CK_ULONG
        );
        Slot C_OpenSession(a1: CK_SLOT_ID, a2: CK_FLAGS, a3: *mut c_void, a4: CK_NOTIFY, a5: *mut CK_SESSION_HANDLE);
        Session C_CloseSession(a1: CK_SESSION_HANDLE);
        Slot C_CloseAllSessions(a1: CK_SLOT_ID);
        Session C_GetSessionInfo(a1: CK_SESSION_HANDLE, a2: *mut CK_SESSION_INFO);
        Session C_GetOperationState(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: *mut CK_ULONG);
        Session C_SetOperationState(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: CK_OBJECT_HANDLE, a5: CK_OBJECT_HANDLE
        );
        Session C_Login(a1: CK_SESSION_HANDLE, a2: CK_USER_TYPE, a3: *mut CK_UTF8CHAR, a4: CK_ULONG);
        Session C_Logout(a1: CK_SESSION_HANDLE);
        Session C_CreateObject(a1: CK_SESSION_HANDLE, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG, a4: *mut CK_OBJECT_HANDLE);
        Session C_CopyObject(
            a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE,
            a3: *mut CK_ATTRIBUTE, a4: CK_ULONG, a5: *mut CK_OBJECT_HANDLE
        );
        Session C_DestroyObject(a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE);
        Session C_GetObjectSize(a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE, a3: *mut CK_ULONG);
        Session C_GetAttributeValue(a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE, a3: *mut CK_ATTRIBUTE, a4: CK_ULONG);
        Session C_SetAttributeValue(a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE, a3: *mut CK_ATTRIBUTE, a4: CK_ULONG);
        Session C_FindObjectsInit(a1: CK_SESSION_HANDLE, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG);
        Session C_FindObjects(a1: CK_SESSION_HANDLE, a2: *mut CK_OBJECT_HANDLE, a3: CK_ULONG, a4: *mut CK_ULONG);
        Session C_FindObjectsFinal(a1: CK_SESSION_HANDLE);
        Session C_EncryptInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_Encrypt(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG);
        Session C_EncryptUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_EncryptFinal(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: *mut CK_ULONG);
        Session C_DecryptInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_Decrypt(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG);
        Session C_DecryptUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_DecryptFinal(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: *mut CK_ULONG);
        Session C_DigestInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM);
        Session C_Digest(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG);
        Session C_DigestUpdate(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_DigestKey(a1: CK_SESSION_HANDLE, a2: CK_OBJECT_HANDLE);
        Session C_DigestFinal(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: *mut CK_ULONG);
        Session C_SignInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_Sign(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG);
        Session C_SignUpdate(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_SignFinal(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: *mut CK_ULONG);
        Session C_SignRecoverInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_SignRecover(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_VerifyInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_Verify(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG, a4: *mut CK_BYTE, a5: CK_ULONG);
        Session C_VerifyUpdate(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_VerifyFinal(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_VerifyRecoverInit(a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE);
        Session C_VerifyRecover(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_DigestEncryptUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_DecryptDigestUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_SignEncryptUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_DecryptVerifyUpdate(
            a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE,
            a3: CK_ULONG, a4: *mut CK_BYTE, a5: *mut CK_ULONG
        );
        Session C_GenerateKey(
            a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM,
            a3: *mut CK_ATTRIBUTE, a4: CK_ULONG, a5: *mut CK_OBJECT_HANDLE
        );
        Session C_GenerateKeyPair(
            a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: *mut CK_ATTRIBUTE, a4: CK_ULONG,
            a5: *mut CK_ATTRIBUTE, a6: CK_ULONG, a7: *mut CK_OBJECT_HANDLE, a8: *mut CK_OBJECT_HANDLE
        );
        Session C_WrapKey(
            a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE,
            a4: CK_OBJECT_HANDLE, a5: *mut CK_BYTE, a6: *mut CK_ULONG
        );
        Session C_UnwrapKey(
            a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE, a4: *mut CK_BYTE,
            a5: CK_ULONG, a6: *mut CK_ATTRIBUTE, a7: CK_ULONG, a8: *mut CK_OBJECT_HANDLE
        );
        Session C_DeriveKey(
            a1: CK_SESSION_HANDLE, a2: *mut CK_MECHANISM, a3: CK_OBJECT_HANDLE,
            a4: *mut CK_ATTRIBUTE, a5: CK_ULONG, a6: *mut CK_OBJECT_HANDLE
        );
        Session C_SeedRandom(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_GenerateRandom(a1: CK_SESSION_HANDLE, a2: *mut CK_BYTE, a3: CK_ULONG);
        Session C_GetFunctionStatus(a1: CK_SESSION_HANDLE);
        Session C_CancelFunction(a1: CK_SESSION_HANDLE);
        Module C_WaitForSlotEvent(a1: CK_FLAGS, a2: *mut CK_SLOT_ID, a3: *mut c_void);
    }
    own {
        Module C_GetFunctionList;
        Module C_GetSlotList;
        Module C_GetSlotInfo;
        Slot C_GetTokenInfo;
    }
}
