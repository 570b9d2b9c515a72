// A CA that speaks Full CMC (RFC 10002) over plain HTTP (RFC 10003 section 6) in Bouncy Castle's types. It believes nothing but messages that a
// registration authority signed: a certificate of its own with id-kp-cmcRA. What becomes of a request says the name that it is for.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.security.Security;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1GeneralizedTime;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.cmc.BodyPartID;
import org.bouncycastle.asn1.cmc.CMCFailInfo;
import org.bouncycastle.asn1.cmc.CMCObjectIdentifiers;
import org.bouncycastle.asn1.cmc.CMCStatus;
import org.bouncycastle.asn1.cmc.CMCStatusInfoV2;
import org.bouncycastle.asn1.cmc.CMCStatusInfoV2Builder;
import org.bouncycastle.asn1.cmc.LraPopWitness;
import org.bouncycastle.asn1.cmc.PKIData;
import org.bouncycastle.asn1.cmc.PKIResponse;
import org.bouncycastle.asn1.cmc.PendInfo;
import org.bouncycastle.asn1.cmc.RevokeRequest;
import org.bouncycastle.asn1.cmc.TaggedAttribute;
import org.bouncycastle.asn1.cmc.TaggedRequest;
import org.bouncycastle.asn1.crmf.CertReqMsg;
import org.bouncycastle.asn1.crmf.CertTemplate;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;

public final class CmcAuthority {
    private static final ASN1ObjectIdentifier PKI_DATA = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.12.2");
    private static final ASN1ObjectIdentifier PKI_RESPONSE = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.12.3");
    private static final KeyPurposeId CMC_RA = KeyPurposeId.getInstance(new ASN1ObjectIdentifier("1.3.6.1.5.5.7.3.28"));
    private static final String TYPE = "application/pkcs7-mime; smime-type=CMC-";

    private final Map<String, String> words = new HashMap<>();
    private final SecureRandom random = new SecureRandom();
    private final List<X509CertificateHolder> issued = new ArrayList<>();
    // What waits, by its pendToken.
    private final Map<String, Wish> waiting = new HashMap<>();
    private X509CertificateHolder issuing;
    private int messages;

    private record Wish(X500Name subject, SubjectPublicKeyInfo key, Extensions extensions) {
        String name() {
            return subject.toString();
        }
    }

    private record Verdict(CMCStatusInfoV2 status, X509CertificateHolder certificate) {}

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        CmcAuthority authority = new CmcAuthority();
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            authority.words.put(parts[0], parts[1]);
        }
        authority.issuing = Pem.certificate(authority.words.get("issuing"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(authority.words.get("port"))), 0);
        server.createContext("/cmc", authority::serve);
        server.start();
    }

    private void serve(HttpExchange exchange) throws IOException {
        byte[] octets = exchange.getRequestBody().readAllBytes();
        try {
            if (!exchange.getRequestHeaders().getFirst("Content-Type").toLowerCase().startsWith(TYPE.toLowerCase() + "request")) {
                throw new IllegalArgumentException("Content-Type " + exchange.getRequestHeaders().getFirst("Content-Type"));
            }
            Files.write(Path.of("message-" + ++messages + ".der"), octets);
            byte[] answer = answer(octets);
            exchange.getResponseHeaders().set("Content-Type", TYPE + "Response; name=response.p7m");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
        } catch (Exception fault) {
            System.out.println("refused: " + fault);
            exchange.sendResponseHeaders(400, -1);
        }
        exchange.close();
    }

    private byte[] answer(byte[] octets) throws Exception {
        PKIData data = PKIData.getInstance(opened(octets));
        Map<ASN1ObjectIdentifier, ASN1Encodable> controls = new HashMap<>();
        Map<ASN1ObjectIdentifier, BodyPartID> numbers = new HashMap<>();
        for (TaggedAttribute control : data.getControlSequence()) {
            controls.put(control.getAttrType(), control.getAttrValues().getObjectAt(0));
            numbers.put(control.getAttrType(), control.getBodyPartID());
        }
        Verdict verdict = judged(data, controls, numbers);
        System.out.println("transaction " + controls.get(CMCObjectIdentifiers.id_cmc_transactionId) + ": cMCStatus "
            + verdict.status.getcMCStatus().toASN1Primitive());
        byte[] nonce = new byte[20];
        random.nextBytes(nonce);
        ASN1Encodable[] told = {
            control(1, CMCObjectIdentifiers.id_cmc_statusInfoV2, verdict.status),
            control(2, CMCObjectIdentifiers.id_cmc_transactionId, controls.get(CMCObjectIdentifiers.id_cmc_transactionId)),
            control(3, CMCObjectIdentifiers.id_cmc_senderNonce, new DEROctetString(nonce)),
            control(4, CMCObjectIdentifiers.id_cmc_recipientNonce, controls.get(CMCObjectIdentifiers.id_cmc_senderNonce)),
        };
        PKIResponse response =
            PKIResponse.getInstance(new DERSequence(new ASN1Encodable[] {new DERSequence(told), new DERSequence(), new DERSequence()}));
        return signed(response, verdict.certificate);
    }

    // RFC 10002 section 3.2: who signed must be a registration authority of this CA.
    private byte[] opened(byte[] octets) throws Exception {
        CMSSignedData message = new CMSSignedData(octets);
        if (!message.getSignedContentTypeOID().equals(PKI_DATA.getId())) {
            throw new IllegalArgumentException("the content type is " + message.getSignedContentTypeOID());
        }
        if (message.getSignerInfos().size() != 1) {
            throw new IllegalArgumentException("there is not one signer");
        }
        for (SignerInformation by : message.getSignerInfos()) {
            X509CertificateHolder holder = (X509CertificateHolder) message.getCertificates().getMatches(by.getSID()).iterator().next();
            if (!by.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(holder))) {
                throw new IllegalArgumentException("the signature does not verify");
            }
            if (!holder.isSignatureValid(new JcaContentVerifierProviderBuilder().setProvider("BC").build(issuing))) {
                throw new IllegalArgumentException("the signer is not certified here");
            }
            ExtendedKeyUsage purposes = ExtendedKeyUsage.fromExtensions(holder.getExtensions());
            if (purposes == null || !purposes.hasKeyPurposeId(CMC_RA)) {
                throw new IllegalArgumentException("the signer is no registration authority");
            }
        }
        return (byte[]) message.getSignedContent().getContent();
    }

    private Verdict judged(PKIData data, Map<ASN1ObjectIdentifier, ASN1Encodable> controls, Map<ASN1ObjectIdentifier, BodyPartID> numbers)
        throws Exception {
        if (controls.containsKey(CMCObjectIdentifiers.id_cmc_queryPending)) {
            BodyPartID number = numbers.get(CMCObjectIdentifiers.id_cmc_queryPending);
            String token = new String(ASN1OctetString.getInstance(controls.get(CMCObjectIdentifiers.id_cmc_queryPending)).getOctets());
            Wish wish = waiting.get(token);
            return wish == null ? failed(number, CMCFailInfo.badRequest, "nothing waits for this token") : granted(number, CMCStatus.success, wish);
        }
        if (controls.containsKey(CMCObjectIdentifiers.id_cmc_revokeRequest)) {
            BodyPartID number = numbers.get(CMCObjectIdentifiers.id_cmc_revokeRequest);
            RevokeRequest revoke = RevokeRequest.getInstance(controls.get(CMCObjectIdentifiers.id_cmc_revokeRequest));
            boolean known = issued.removeIf(one -> one.getSerialNumber().equals(revoke.getSerialNumber()) && one.getIssuer().equals(revoke.getName()));
            System.out.println("revoked " + revoke.getSerialNumber() + " for " + revoke.getReason() + ": " + known);
            return known ? new Verdict(new CMCStatusInfoV2Builder(CMCStatus.success, number).build(), null)
                : failed(number, CMCFailInfo.badCertId, "no such certificate");
        }
        if (controls.containsKey(CMCObjectIdentifiers.id_cmc_confirmCertAcceptance)) {
            System.out.println("confirmed");
            return new Verdict(new CMCStatusInfoV2Builder(CMCStatus.success, numbers.get(CMCObjectIdentifiers.id_cmc_statusInfoV2)).build(), null);
        }
        TaggedRequest request = data.getReqSequence()[0];
        BodyPartID number;
        Wish wish;
        if (request.getTagNo() == TaggedRequest.TCR) {
            ASN1Sequence tagged = ASN1Sequence.getInstance(request.getValue().toASN1Primitive());
            number = BodyPartID.getInstance(tagged.getObjectAt(0));
            wish = pkcs10(new PKCS10CertificationRequest(tagged.getObjectAt(1).toASN1Primitive().getEncoded()));
        } else {
            CertReqMsg tagged = CertReqMsg.getInstance(request.getValue());
            number = new BodyPartID(tagged.getCertReq().getCertReqId().longValueExact());
            LraPopWitness witness = LraPopWitness.getInstance(controls.get(CMCObjectIdentifiers.id_cmc_lraPOPWitness));
            // Section 6.8.
            if (witness == null || witness.getPkiDataBodyid().getID() != 0 || !witness.getBodyIds()[0].equals(number)) {
                return failed(number, CMCFailInfo.popRequired, "nobody vouches for the key");
            }
            CertTemplate template = tagged.getCertReq().getCertTemplate();
            System.out.println("the RA vouches for body part " + number.getID());
            wish = new Wish(template.getSubject(), template.getPublicKey(), template.getExtensions());
        }
        if (wish == null) {
            return failed(number, CMCFailInfo.popFailed, "the request is not signed with its key");
        }
        if (wish.name().contains("refused")) {
            return failed(number, CMCFailInfo.unsupportedExt, "not such a one");
        }
        if (wish.name().contains("patient")) {
            String token = "waits " + waiting.size();
            waiting.put(token, wish);
            PendInfo info = new PendInfo(token.getBytes(), new ASN1GeneralizedTime(new Date(System.currentTimeMillis() + 2000)));
            return new Verdict(new CMCStatusInfoV2Builder(CMCStatus.pending, number).setOtherInfo(info).build(), null);
        }
        return granted(number, wish.name().contains("careful") ? CMCStatus.confirmRequired : CMCStatus.success, wish);
    }

    private static Verdict failed(BodyPartID number, CMCFailInfo failure, String text) {
        return new Verdict(new CMCStatusInfoV2Builder(CMCStatus.failed, number).setStatusString(text).setOtherInfo(failure).build(), null);
    }

    private Verdict granted(BodyPartID number, CMCStatus status, Wish wish) throws Exception {
        return new Verdict(new CMCStatusInfoV2Builder(status, number).build(), issue(wish));
    }

    private static Wish pkcs10(PKCS10CertificationRequest csr) throws Exception {
        if (!csr.isSignatureValid(new JcaContentVerifierProviderBuilder().setProvider("BC").build(csr.getSubjectPublicKeyInfo()))) {
            return null;
        }
        return new Wish(csr.getSubject(), csr.getSubjectPublicKeyInfo(), csr.getRequestedExtensions());
    }

    private X509CertificateHolder issue(Wish wish) throws Exception {
        Date now = new Date();
        X509v3CertificateBuilder builder = new X509v3CertificateBuilder(issuing.getSubject(), new BigInteger(126, random).setBit(126), now,
            new Date(now.getTime() + 80L * 24 * 60 * 60 * 1000), wish.subject, wish.key);
        JcaX509ExtensionUtils more = new JcaX509ExtensionUtils();
        builder.addExtension(Extension.basicConstraints, false, new BasicConstraints(false));
        builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
        builder.addExtension(Extension.subjectKeyIdentifier, false, more.createSubjectKeyIdentifier(wish.key));
        builder.addExtension(Extension.authorityKeyIdentifier, false, more.createAuthorityKeyIdentifier(issuing.getSubjectPublicKeyInfo()));
        Extension names = wish.extensions == null ? null : wish.extensions.getExtension(Extension.subjectAlternativeName);
        if (names != null) {
            builder.addExtension(names);
        }
        X509CertificateHolder certificate = builder.build(signer("issuingkey"));
        issued.add(certificate);
        return certificate;
    }

    private static TaggedAttribute control(int number, ASN1ObjectIdentifier type, ASN1Encodable value) {
        return new TaggedAttribute(new BodyPartID(number), type, new DERSet(value));
    }

    private ContentSigner signer(String key) throws Exception {
        KeyPair pair = Pem.key(words.get(key));
        String algorithm = pair.getPrivate().getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        return new JcaContentSignerBuilder(algorithm).setProvider("BC").build(pair.getPrivate());
    }

    private byte[] signed(PKIResponse response, X509CertificateHolder certificate) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        X509CertificateHolder own = Pem.certificate(words.get("signer"));
        generator.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build())
            .build(signer("signerkey"), own));
        generator.addCertificate(own);
        generator.addCertificate(issuing);
        if (certificate != null) {
            generator.addCertificate(certificate);
        }
        return generator.generate(new CMSProcessableByteArray(PKI_RESPONSE, response.getEncoded("DER")), true).getEncoded(words.get("encoding"));
    }
}
