// Full CMC over EST (RFC 7030 section 4.3, RFC 10002) in Bouncy Castle's types (org.bouncycastle.asn1.cmc, .cms, .cert.crmf): one message,
// whose answer is verified and told about. The HTTP below it is Java's own.

import java.io.FileOutputStream;
import java.io.FileWriter;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URI;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Security;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.cmc.BodyPartID;
import org.bouncycastle.asn1.cmc.CMCFailInfo;
import org.bouncycastle.asn1.cmc.CMCObjectIdentifiers;
import org.bouncycastle.asn1.cmc.CMCStatus;
import org.bouncycastle.asn1.cmc.CMCStatusInfoV2;
import org.bouncycastle.asn1.cmc.CertificationRequest;
import org.bouncycastle.asn1.cmc.IdentityProofV2;
import org.bouncycastle.asn1.cmc.OtherMsg;
import org.bouncycastle.asn1.cmc.PKIData;
import org.bouncycastle.asn1.cmc.PKIResponse;
import org.bouncycastle.asn1.cmc.PendInfo;
import org.bouncycastle.asn1.cmc.PopLinkWitnessV2;
import org.bouncycastle.asn1.cmc.RevokeRequest;
import org.bouncycastle.asn1.cmc.TaggedAttribute;
import org.bouncycastle.asn1.cmc.TaggedCertificationRequest;
import org.bouncycastle.asn1.cmc.TaggedContentInfo;
import org.bouncycastle.asn1.cmc.TaggedRequest;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.ExtensionsGenerator;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.bc.BcX509ExtensionUtils;
import org.bouncycastle.cert.crmf.jcajce.JcaCertificateRequestMessageBuilder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public final class Cmc {
    private static final ASN1ObjectIdentifier PKI_DATA = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.12.2");
    private static final ASN1ObjectIdentifier PKI_RESPONSE = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.12.3");
    private static final AlgorithmIdentifier SHA256 = new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256);
    private static final AlgorithmIdentifier HMAC = new AlgorithmIdentifier(PKCSObjectIdentifiers.id_hmacWithSHA256);
    private static final byte[] LINKED = "what links the request to its sender".getBytes();

    private final Map<String, String> words = new HashMap<>();
    private final List<TaggedAttribute> controls = new ArrayList<>();
    private final byte[] nonce = new byte[16];
    private KeyPair wanted;

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Cmc cmc = new Cmc();
        for (int at = 1; at < arguments.length; at++) {
            String[] parts = arguments[at].split("=", 2);
            cmc.words.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        System.exit(cmc.run(arguments[0]) ? 0 : 1);
    }

    private boolean run(String operation) throws Exception {
        new SecureRandom().nextBytes(nonce);
        control(CMCObjectIdentifiers.id_cmc_transactionId, new ASN1Integer(4711));
        control(CMCObjectIdentifiers.id_cmc_senderNonce, new DEROctetString(nonce));
        TaggedRequest[] requests = {};
        switch (operation) {
            case "pkcs10" -> requests = new TaggedRequest[] {pkcs10()};
            case "crmf" -> requests = new TaggedRequest[] {crmf()};
            case "query" -> {
                wanted = Pem.key(words.get("new"));
                byte[] token = Base64.getDecoder().decode(words.get("token"));
                control(CMCObjectIdentifiers.id_cmc_queryPending, new DEROctetString(token));
            }
            case "revoke" -> {
                X509CertificateHolder old = Pem.certificate(words.get("old"));
                control(CMCObjectIdentifiers.id_cmc_revokeRequest, new RevokeRequest(old.getIssuer(),
                    new ASN1Integer(old.getSerialNumber()), CRLReason.lookup(Integer.parseInt(words.get("reason"))), null, null, null));
            }
            default -> throw new IllegalArgumentException(operation);
        }
        if (words.containsKey("ref")) {
            identityProof(requests);
        }
        PKIData data = new PKIData(controls.toArray(new TaggedAttribute[0]), requests, new TaggedContentInfo[0], new OtherMsg[0]);
        return told(send(signed(data)));
    }

    private void control(ASN1ObjectIdentifier type, ASN1Encodable value) {
        controls.add(new TaggedAttribute(new BodyPartID(100 + controls.size()), type, new DERSet(value)));
    }

    private TaggedRequest pkcs10() throws Exception {
        wanted = Pem.key(words.get("new"));
        JcaPKCS10CertificationRequestBuilder request =
            new JcaPKCS10CertificationRequestBuilder(new X500Name(words.get("subject")), wanted.getPublic());
        ExtensionsGenerator extensions = new ExtensionsGenerator();
        extensions.addExtension(Extension.subjectKeyIdentifier, false, new SubjectKeyIdentifier(keyIdentifier()));
        request.addAttribute(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest, extensions.generate());
        if (words.containsKey("link")) {
            control(CMCObjectIdentifiers.id_cmc_popLinkRandom, new DEROctetString(LINKED));
            request.addAttribute(CMCObjectIdentifiers.id_cmc_popLinkWitnessV2, link());
        }
        KeyPair proves = words.containsKey("other") ? Pem.key(words.get("other")) : wanted;
        byte[] der = request.build(signer(proves)).getEncoded();
        return new TaggedRequest(new TaggedCertificationRequest(new BodyPartID(1), CertificationRequest.getInstance(der)));
    }

    private TaggedRequest crmf() throws Exception {
        wanted = Pem.key(words.get("new"));
        KeyPair proves = words.containsKey("other") ? Pem.key(words.get("other")) : wanted;
        JcaCertificateRequestMessageBuilder request = new JcaCertificateRequestMessageBuilder(BigInteger.valueOf(1));
        request.setPublicKey(wanted.getPublic()).setSubject(new X500Name(words.get("subject")));
        request.addExtension(Extension.subjectKeyIdentifier, false, new SubjectKeyIdentifier(keyIdentifier()));
        request.setProofOfPossessionSigningKeySigner(signer(proves));
        return new TaggedRequest(request.build().toASN1Structure());
    }

    private PopLinkWitnessV2 link() throws Exception {
        byte[] secret = words.get("linksecret") == null ? words.get("secret").getBytes() : words.get("linksecret").getBytes();
        if (words.get("link").equals("hash")) {
            return new PopLinkWitnessV2(SHA256, HMAC, mac(MessageDigest.getInstance("SHA-256").digest(secret), LINKED));
        }
        byte[] salt = new byte[16];
        int iterations = Integer.parseInt(words.get("link"));
        PBEKeySpec how = new PBEKeySpec(new String(secret).toCharArray(), salt, iterations, 256);
        byte[] key = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(how).getEncoded();
        AlgorithmIdentifier derivation =
            new AlgorithmIdentifier(PKCSObjectIdentifiers.id_PBKDF2, new PBKDF2Params(salt, iterations, 32, HMAC));
        return new PopLinkWitnessV2(derivation, HMAC, mac(key, LINKED));
    }

    // RFC 10002 section 6.2.1: over the reqSequence, by a key that is the hash of the secret with the identification behind it.
    private void identityProof(TaggedRequest[] requests) throws Exception {
        byte[] key = MessageDigest.getInstance("SHA-256").digest((words.get("secret") + words.get("ref")).getBytes());
        control(CMCObjectIdentifiers.id_cmc_identification, new DERUTF8String(words.get("ref")));
        control(CMCObjectIdentifiers.id_cmc_identityProofV2,
            new IdentityProofV2(SHA256, HMAC, mac(key, new DERSequence(requests).getEncoded("DER"))));
    }

    private static byte[] mac(byte[] key, byte[] octets) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(octets);
    }

    private byte[] keyIdentifier() throws Exception {
        SubjectPublicKeyInfo key = SubjectPublicKeyInfo.getInstance(wanted.getPublic().getEncoded());
        return new BcX509ExtensionUtils().createSubjectKeyIdentifier(key).getKeyIdentifier();
    }

    private static ContentSigner signer(KeyPair pair) throws Exception {
        String algorithm = pair.getPrivate().getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        return new JcaContentSignerBuilder(algorithm).setProvider("BC").build(pair.getPrivate());
    }

    // By the holder of a certificate, or by the key that is to be certified (section 3.2).
    private byte[] signed(PKIData data) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        JcaSignerInfoGeneratorBuilder builder =
            new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build());
        if (words.containsKey("cert")) {
            X509CertificateHolder own = Pem.certificate(words.get("cert"));
            generator.addSignerInfoGenerator(builder.build(signer(Pem.key(words.get("key"))), own));
            generator.addCertificates(new JcaCertStore(List.of(new JcaX509CertificateConverter().getCertificate(own))));
        } else {
            generator.addSignerInfoGenerator(builder.build(signer(wanted), keyIdentifier()));
        }
        return generator.generate(new CMSProcessableByteArray(PKI_DATA, data.getEncoded("DER")), true).getEncoded("DER");
    }

    private byte[] send(byte[] message) throws Exception {
        HttpsURLConnection connection = (HttpsURLConnection) URI.create(words.get("url")).toURL().openConnection();
        connection.setSSLSocketFactory(tls().getSocketFactory());
        connection.setReadTimeout(20_000);
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "application/pkcs7-mime; smime-type=CMC-request");
        connection.setRequestProperty("Content-Transfer-Encoding", "base64");
        if (words.containsKey("user")) {
            String both = words.get("user") + ":" + words.get("password");
            connection.setRequestProperty("Authorization", "Basic " + Base64.getEncoder().encodeToString(both.getBytes()));
        }
        connection.getOutputStream().write(Base64.getMimeEncoder().encode(message));
        int status = connection.getResponseCode();
        System.out.println("HTTP " + status + " " + connection.getContentType() + " Retry-After=" + connection.getHeaderField("Retry-After"));
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return Base64.getMimeDecoder().decode(in.readAllBytes());
        }
    }

    private SSLContext tls() throws Exception {
        KeyStore roots = KeyStore.getInstance("PKCS12");
        roots.load(null, null);
        for (X509CertificateHolder root : Pem.certificates(words.get("roots"))) {
            roots.setCertificateEntry(root.getSubject().toString(), new JcaX509CertificateConverter().getCertificate(root));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);
        KeyManager[] own = words.containsKey("tls") ? Pem.holder(words.get("cert"), words.get("key")) : null;
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own, trust.getTrustManagers(), null);
        return context;
    }

    // A Full PKI Response is always signed; whose certificate it is judges openssl, which gets the same octets.
    private boolean told(byte[] octets) throws Exception {
        try (FileOutputStream out = new FileOutputStream(words.get("response"))) {
            out.write(octets);
        }
        CMSSignedData answer = new CMSSignedData(octets);
        if (!answer.getSignedContentTypeOID().equals(PKI_RESPONSE.getId())) {
            throw new IllegalStateException("the content type is " + answer.getSignedContentTypeOID());
        }
        for (SignerInformation by : answer.getSignerInfos().getSigners()) {
            X509CertificateHolder holder = (X509CertificateHolder) answer.getCertificates().getMatches(by.getSID()).iterator().next();
            if (!by.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(holder))) {
                throw new IllegalStateException("the answer's signature does not verify");
            }
        }
        boolean good = false;
        boolean echoed = false;
        PKIResponse response = PKIResponse.getInstance(answer.getSignedContent().getContent());
        for (ASN1Encodable one : response.getControlSequence()) {
            TaggedAttribute control = TaggedAttribute.getInstance(one);
            ASN1Encodable value = control.getAttrValues().getObjectAt(0);
            if (control.getAttrType().equals(CMCObjectIdentifiers.id_cmc_statusInfoV2)) {
                good = status(CMCStatusInfoV2.getInstance(value));
            } else if (control.getAttrType().equals(CMCObjectIdentifiers.id_cmc_recipientNonce)) {
                echoed = new DEROctetString(nonce).equals(value);
            }
        }
        if (!echoed) {
            throw new IllegalStateException("the answer does not bring our nonce back");
        }
        if (good && words.containsKey("out")) {
            keep(answer);
        }
        return good;
    }

    private boolean status(CMCStatusInfoV2 info) {
        String more = "";
        if (info.hasOtherInfo() && info.getOtherStatusInfo().toASN1Primitive() instanceof ASN1Integer failure) {
            more = " failInfo=" + CMCFailInfo.getInstance(failure).toASN1Primitive();
        } else if (info.hasOtherInfo()) {
            PendInfo pending = PendInfo.getInstance(info.getOtherStatusInfo());
            more = " token=" + Base64.getEncoder().encodeToString(pending.getPendToken()) + " time=" + pending.getPendTime().getTimeString();
        }
        System.out.println("cMCStatus=" + info.getcMCStatus().toASN1Primitive() + more + " " + info.getStatusString());
        return info.getcMCStatus().equals(CMCStatus.success);
    }

    private void keep(CMSSignedData answer) throws Exception {
        try (JcaPEMWriter out = new JcaPEMWriter(new FileWriter(words.get("out")))) {
            for (X509CertificateHolder one : answer.getCertificates().getMatches(null)) {
                if (wanted == null || one.getSubjectPublicKeyInfo().equals(SubjectPublicKeyInfo.getInstance(wanted.getPublic().getEncoded()))) {
                    out.writeObject(one);
                }
            }
        }
    }
}
