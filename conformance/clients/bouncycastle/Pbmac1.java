// PBMAC1 protection, which Bouncy Castle 1.72 does not do right.

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.cmp.*;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PBMAC1Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.*;
import org.bouncycastle.operator.GenericKey;
import org.bouncycastle.operator.MacCalculator;

final class Pbmac1 {
    /** PBMAC1 (RFC 8018 section 7.1) by hand: 1.72's own makes PBES2 stand where PBKDF2 belongs, and reads no other hash than SHA-256. */
    static MacCalculator with(char[] secret, byte[] salt, int iterations, String hmac) throws Exception {
        boolean large = hmac.equals("HMACSHA512");
        int octets = large ? 64 : 32;
        AlgorithmIdentifier prf = new AlgorithmIdentifier(
            large ? PKCSObjectIdentifiers.id_hmacWithSHA512 : PKCSObjectIdentifiers.id_hmacWithSHA256, DERNull.INSTANCE);
        PBKDF2Params derivation = new PBKDF2Params(salt, iterations, octets, prf);
        AlgorithmIdentifier algorithm = new AlgorithmIdentifier(PKCSObjectIdentifiers.id_PBMAC1,
            new PBMAC1Params(new AlgorithmIdentifier(PKCSObjectIdentifiers.id_PBKDF2, derivation), prf));
        SecretKey key = SecretKeyFactory.getInstance("PBKDF2WITH" + hmac, "BC").generateSecret(new PBEKeySpec(secret, salt, iterations, 8 * octets));
        Mac mac = Mac.getInstance(hmac, "BC");
        mac.init(new SecretKeySpec(key.getEncoded(), hmac));
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        return new MacCalculator() {
            @Override
            public AlgorithmIdentifier getAlgorithmIdentifier() {
                return algorithm;
            }

            @Override
            public OutputStream getOutputStream() {
                return content;
            }

            @Override
            public byte[] getMac() {
                return mac.doFinal(content.toByteArray());
            }

            @Override
            public GenericKey getKey() {
                return new GenericKey(algorithm, key.getEncoded());
            }
        };
    }

    /** PBMAC1 as an answer's parameters say, computed over the answer. */
    static boolean verifies(PKIMessage answer, char[] secret) throws Exception {
        PBMAC1Params parameters = PBMAC1Params.getInstance(answer.getHeader().getProtectionAlg().getParameters());
        PBKDF2Params derivation = PBKDF2Params.getInstance(parameters.getKeyDerivationFunc().getParameters());
        boolean large = parameters.getMessageAuthScheme().getAlgorithm().equals(PKCSObjectIdentifiers.id_hmacWithSHA512);
        MacCalculator mac = with(secret, derivation.getSalt(), derivation.getIterationCount().intValueExact(), large ? "HMACSHA512" : "HMACSHA256");
        if (!mac.getAlgorithmIdentifier().equals(answer.getHeader().getProtectionAlg())) {
            return false;
        }
        mac.getOutputStream().write(new DERSequence(new ASN1Encodable[] {answer.getHeader(), answer.getBody()}).getEncoded("DER"));
        return Arrays.equals(mac.getMac(), answer.getProtection().getOctets());
    }
}
