// A CMP client on Bouncy Castle 1.72 (Debian: libbcpkix-java): one transaction, which it checks and tells about.
//
//   Client COMMAND NAME=VALUE...    COMMAND: ir cr kur p10cr rr genm
//
// It prints each answer in a line ("ip accepted", "error rejection badMessageCheck: ..."), and fails unless the transaction ends well.
// The options stand in `Options` below; `fault` names what is done wrong on purpose.

import java.io.FileWriter;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.ASN1BitString;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.cmp.*;
import org.bouncycastle.asn1.crmf.*;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.oiw.OIWObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.*;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.cmp.*;
import org.bouncycastle.cert.crmf.CertificateRequestMessageBuilder;
import org.bouncycastle.cert.crmf.Control;
import org.bouncycastle.cert.crmf.PKMACBuilder;
import org.bouncycastle.cert.crmf.jcajce.JcePKMACValuesCalculator;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.DefaultSignatureNameFinder;
import org.bouncycastle.operator.MacCalculator;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public final class Client {
    /** url, trusted; who asks: ref, secret, mac (pbm, pbmac1), iterations, or cert, key, signature (a JCE name);
     *  what: new (key), subject, san, old (certificate), reason, popo (signature, raVerified), implicit, profile, pvno, hash, infotype;
     *  through whom: ra (certificate), rakey, depth, batch (how many); out, record (a folder), fault, at (first, confirm). */
    private record Options(Map<String, String> all) {
        String get(String name, String otherwise) {
            return all.getOrDefault(name, otherwise);
        }

        String need(String name) {
            String value = all.get(name);
            if (value == null) {
                throw new IllegalArgumentException(name + "= is needed");
            }
            return value;
        }

        boolean has(String name) {
            return all.containsKey(name);
        }

        boolean fault(String name, boolean confirming) {
            return name.equals(all.get("fault")) && confirming == get("at", "first").equals("confirm");
        }
    }

    /** An answer that is not what was asked for. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String text) {
            super(text);
        }
    }

    private final Options options;
    private final SecureRandom random = new SecureRandom();
    private final HttpClient http = HttpClient.newHttpClient();
    private int recorded;

    private Client(Options options) {
        this.options = options;
    }

    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Map<String, String> all = new HashMap<>();
        for (String word : Arrays.asList(words).subList(1, words.length)) {
            String[] parts = word.split("=", 2);
            all.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        try {
            Client client = new Client(new Options(all));
            if (all.containsKey("batch")) {
                client.batch(words[0]);
            } else {
                client.run(words[0]);
            }
        } catch (Refused refused) {
            System.out.println("refused: " + refused.getMessage());
            System.exit(1);
        }
    }

    // One transaction.

    private void run(String command) throws Exception {
        Transaction own = new Transaction();
        PKIMessage sent = own.message(request(command), false);
        PKIMessage answer = own.send(sent);
        if (options.has("repeat") && !Arrays.equals(answer.getEncoded("DER"), own.send(sent).getEncoded("DER"))) {
            throw new Refused("the same bytes got another answer");
        }
        answer = own.poll(answer);
        switch (answer.getBody().getType()) {
            case PKIBody.TYPE_INIT_REP, PKIBody.TYPE_CERT_REP, PKIBody.TYPE_KEY_UPDATE_REP -> {
                CMPCertificate certificate = issued(answer);
                boolean granted = has(answer.getHeader(), CMPObjectIdentifiers.it_implicitConfirm);
                if (granted != options.has("implicit")) {
                    throw new Refused("implicitConfirm was " + (granted ? "granted unasked" : "not granted"));
                }
                if (!granted) {
                    CertResponse response = CertRepMessage.getInstance(answer.getBody().getContent()).getResponse()[0];
                    PKIMessage confirmed = own.send(own.message(confirmation(certificate, response.getCertReqId()), true));
                    expect(PKIBody.TYPE_CONFIRM, confirmed);
                }
                write(certificate);
            }
            case PKIBody.TYPE_REVOCATION_REP -> {
                PKIStatusInfo status = RevRepContent.getInstance(answer.getBody().getContent()).getStatus()[0];
                if (status.getStatus().intValue() != PKIStatus.GRANTED) {
                    throw new Refused(text(status));
                }
            }
            case PKIBody.TYPE_GEN_REP -> {
                for (InfoTypeAndValue info : GenRepContent.getInstance(answer.getBody().getContent()).toInfoTypeAndValueArray()) {
                    System.out.println(info.getInfoType() + (info.getInfoValue() == null ? " without a value" : " with a value"));
                }
            }
            default -> throw new Refused("an answer of kind " + answer.getBody().getType());
        }
    }

    /** Several requests by the requester, in one message of the registration authority (RFC 9483 section 5.2.2.2). */
    private void batch(String command) throws Exception {
        int count = Integer.parseInt(options.need("batch"));
        List<Transaction> parts = new ArrayList<>();
        PKIMessage[] messages = new PKIMessage[count];
        for (int i = 0; i < count; i++) {
            parts.add(new Transaction());
            messages[i] = parts.get(i).message(request(command), false);
        }
        Transaction outer = new Transaction();
        PKIMessage answer = outer.exchange(
            outer.signedByRa(new PKIBody(PKIBody.TYPE_NESTED, new PKIMessages(messages)), outer.transaction, nonce()));
        outer.check(answer);
        expect(PKIBody.TYPE_NESTED, answer);
        PKIMessage[] answers = PKIMessages.getInstance(answer.getBody().getContent()).toPKIMessageArray();
        if (answers.length != count) {
            throw new Refused(answers.length + " answers to " + count + " requests");
        }
        // They may come in any order; each belongs to a request.
        for (PKIMessage one : answers) {
            Transaction part = parts.stream().filter(each -> Arrays.equals(each.transaction, octets(one.getHeader().getTransactionID())))
                .findFirst().orElseThrow(() -> new Refused("an answer to no request"));
            parts.remove(part);
            part.check(one);
            write(issued(one));
        }
    }

    private PKIBody request(String command) throws Exception {
        switch (command) {
            case "p10cr": {
                KeyPair key = Pem.key(options.need("new"));
                JcaPKCS10CertificationRequestBuilder builder =
                    new JcaPKCS10CertificationRequestBuilder(new javax.security.auth.x500.X500Principal(options.need("subject")), key.getPublic());
                return new PKIBody(PKIBody.TYPE_P10_CERT_REQ, builder.build(signer(key.getPrivate(), null)).toASN1Structure());
            }
            case "rr": {
                X509CertificateHolder old = Pem.certificate(options.need("old"));
                CertTemplate template = new CertTemplateBuilder().setIssuer(old.getIssuer())
                    .setSerialNumber(new ASN1Integer(old.getSerialNumber())).build();
                int reason = Integer.parseInt(options.get("reason", "1"));
                Extension extension = new Extension(Extension.reasonCode, false, CRLReason.lookup(reason).getEncoded("DER"));
                return new PKIBody(PKIBody.TYPE_REVOCATION_REQ, new RevReqContent(new RevDetails(template, new Extensions(extension))));
            }
            case "genm": {
                ASN1ObjectIdentifier type = new ASN1ObjectIdentifier(options.need("infotype"));
                return new PKIBody(PKIBody.TYPE_GEN_MSG, new GenMsgContent(new InfoTypeAndValue(type)));
            }
            default: {
                int kind = Map.of("ir", PKIBody.TYPE_INIT_REQ, "cr", PKIBody.TYPE_CERT_REQ, "kur", PKIBody.TYPE_KEY_UPDATE_REQ).get(command);
                CertReqMsg message = certificateRequest(kind == PKIBody.TYPE_KEY_UPDATE_REQ);
                boolean two = options.fault("two", false);
                return new PKIBody(kind, new CertReqMessages(two ? new CertReqMsg[] {message, message} : new CertReqMsg[] {message}));
            }
        }
    }

    private CertReqMsg certificateRequest(boolean update) throws Exception {
        KeyPair key = Pem.key(options.need("new"));
        CertificateRequestMessageBuilder builder = new CertificateRequestMessageBuilder(BigInteger.ZERO)
            .setPublicKey(SubjectPublicKeyInfo.getInstance(key.getPublic().getEncoded()));
        if (update) {
            X509CertificateHolder old = Pem.certificate(options.get("old", options.get("cert", null)));
            builder.setSubject(old.getSubject());
            CertId id = new CertId(new GeneralName(old.getIssuer()), old.getSerialNumber());
            builder.addControl(new Control() {
                @Override
                public ASN1ObjectIdentifier getType() {
                    return CRMFObjectIdentifiers.id_regCtrl.branch("5");
                }

                @Override
                public ASN1Encodable getValue() {
                    return id;
                }
            });
        } else {
            builder.setSubject(new X500Name(options.need("subject")));
        }
        if (options.has("san")) {
            GeneralNames names = new GeneralNames(new GeneralName(GeneralName.dNSName, options.need("san")));
            builder.addExtension(Extension.subjectAlternativeName, false, names);
        }
        switch (options.get("popo", "signature")) {
            case "raVerified" -> builder.setProofOfPossessionRaVerified();
            case "encrCert" -> builder.setProofOfPossessionSubsequentMessage(ProofOfPossession.TYPE_KEY_ENCIPHERMENT, SubsequentMessage.encrCert);
            case "other" -> builder.setProofOfPossessionSigningKeySigner(signer(Pem.key(options.need("otherkey")).getPrivate(), null));
            default -> builder.setProofOfPossessionSigningKeySigner(signer(key.getPrivate(), null));
        }
        return builder.build().toASN1Structure();
    }

    /** certConf; with `hash` it names the algorithm, which needs pvno 3 (RFC 9810 section 5.3.18). */
    private PKIBody confirmation(CMPCertificate certificate, ASN1Integer id) throws Exception {
        String name = options.get("hash", digestOf(new X509CertificateHolder(certificate.getX509v3PKCert())));
        byte[] hash = MessageDigest.getInstance(name).digest(certificate.getEncoded());
        if (options.fault("hash", true)) {
            hash[0] ^= 1;
        }
        if (options.fault("empty", true)) {
            return new PKIBody(PKIBody.TYPE_CERT_CONFIRM, CertConfirmContent.getInstance(new DERSequence()));
        }
        PKIStatusInfo status = null;
        if (options.fault("reject", true)) {
            status = new PKIStatusInfo(PKIStatus.rejection, new PKIFreeText("not what was asked for"));
        }
        AlgorithmIdentifier algorithm = null;
        if (options.has("hash")) {
            algorithm = new AlgorithmIdentifier(Map.of("SHA-256", NISTObjectIdentifiers.id_sha256, "SHA-384", NISTObjectIdentifiers.id_sha384,
                "SHA-512", NISTObjectIdentifiers.id_sha512).get(name));
        }
        CertStatus one = new CertStatus(hash, id.getValue(), status, algorithm);
        return new PKIBody(PKIBody.TYPE_CERT_CONFIRM, CertConfirmContent.getInstance(new DERSequence(one)));
    }

    private static String digestOf(X509CertificateHolder certificate) {
        String algorithm = new DefaultSignatureNameFinder().getAlgorithmName(certificate.getSignatureAlgorithm());
        return algorithm.replaceFirst("(?i)with.*", "").replaceFirst("SHA(\\d)", "SHA-$1");
    }

    /** What both sides say under one transactionID. */
    private final class Transaction {
        final byte[] transaction = nonce();
        private byte[] lastSent;
        private byte[] lastReceived;
        private X509CertificateHolder counterpart;

        PKIMessage message(PKIBody body, boolean confirming) throws Exception {
            boolean mac = options.has("secret");
            GeneralName sender = new GeneralName(mac ? new X500Name("CN=" + options.need("ref")) : Pem.certificate(options.need("cert")).getSubject());
            int version = Integer.parseInt(options.get("pvno", "2"));
            ProtectedPKIMessageBuilder builder = new ProtectedPKIMessageBuilder(version, sender, RECIPIENT).setBody(body);
            if (!options.fault("notransaction", confirming)) {
                builder.setTransactionID(options.fault("othertransaction", confirming) ? nonce() : transaction);
            }
            lastSent = options.fault("shortnonce", confirming) ? Arrays.copyOf(nonce(), 8) : nonce();
            builder.setSenderNonce(lastSent);
            if (lastReceived != null) {
                builder.setRecipNonce(options.fault("nonce", confirming) ? nonce() : lastReceived);
            }
            if (!options.has("notime")) {
                long off = options.fault("oldtime", confirming) ? 3600_000 : 0;
                builder.setMessageTime(new Date(System.currentTimeMillis() - off));
            }
            if (options.has("implicit") && !confirming) {
                builder.addGeneralInfo(new InfoTypeAndValue(CMPObjectIdentifiers.it_implicitConfirm, DERNull.INSTANCE));
            }
            if (options.has("profile")) {
                builder.addGeneralInfo(new InfoTypeAndValue(new ASN1ObjectIdentifier("1.3.6.1.5.5.7.4.21"), new DERSequence(new DERUTF8String(options.need("profile")))));
            }
            if (mac) {
                builder.setSenderKID(options.need("ref").getBytes("UTF-8"));
                String kind = options.get("mac", "pbm");
                if (options.fault("othermac", confirming)) {
                    kind = kind.equals("pbm") ? "pbmac1" : "pbm";
                }
                return spoilt(builder.build(mac(kind)).toASN1Structure(), confirming);
            }
            boolean other = options.fault("othersigner", confirming);
            X509CertificateHolder own = Pem.certificate(options.need(other ? "othercert" : "cert"));
            keyIdentifier(builder, own);
            for (X509CertificateHolder one : Pem.certificates(options.need(other ? "othercert" : "cert"))) {
                builder.addCMPCertificate(one);
            }
            PrivateKey key = Pem.key(options.need(other || options.fault("otherkey", confirming) ? "otherkey" : "key")).getPrivate();
            return spoilt(builder.build(signer(key, options.get("signature", null))).toASN1Structure(), confirming);
        }

        /** Adds protection `depth` times when a registration authority sends it (RFC 9483 section 5.2.2.1). */
        PKIMessage send(PKIMessage message) throws Exception {
            PKIMessage outer = message;
            for (int depth = 0; options.has("ra") && depth < Integer.parseInt(options.get("depth", "1")); depth++) {
                byte[] id = options.has("ownid") ? nonce() : octets(message.getHeader().getTransactionID());
                byte[] nonce = options.has("ownnonce") ? nonce() : octets(message.getHeader().getSenderNonce());
                outer = signedByRa(new PKIBody(PKIBody.TYPE_NESTED, new PKIMessages(outer)), id, nonce);
            }
            PKIMessage answer = exchange(outer);
            check(answer);
            return answer;
        }

        PKIMessage signedByRa(PKIBody body, byte[] id, byte[] nonce) throws Exception {
            lastSent = nonce;
            if (options.has("outersecret")) {
                return new ProtectedPKIMessageBuilder(new GeneralName(new X500Name("CN=" + options.need("outerref"))), RECIPIENT)
                    .setBody(body).setTransactionID(id).setSenderNonce(nonce).setMessageTime(new Date())
                    .setSenderKID(options.need("outerref").getBytes("UTF-8"))
                    .build(new PKMACBuilder(new JcePKMACValuesCalculator()).build(options.need("outersecret").toCharArray())).toASN1Structure();
            }
            X509CertificateHolder ra = Pem.certificate(options.need("ra"));
            ProtectedPKIMessageBuilder builder = new ProtectedPKIMessageBuilder(new GeneralName(ra.getSubject()), RECIPIENT)
                .setBody(body).setTransactionID(id).setSenderNonce(nonce).setMessageTime(new Date());
            keyIdentifier(builder, ra);
            return builder.addCMPCertificate(ra).build(signer(Pem.key(options.need("rakey")).getPrivate(), null)).toASN1Structure();
        }

        /** Asks until the answer is final (RFC 9483 section 4.4). */
        PKIMessage poll(PKIMessage answer) throws Exception {
            for (int tries = 0; tries < 30; tries++) {
                PKIBody body = answer.getBody();
                int wait = 0;
                BigInteger id = BigInteger.ZERO;
                if (body.getContent() instanceof CertRepMessage reply
                    && reply.getResponse()[0].getStatus().getStatus().intValue() == PKIStatus.WAITING) {
                    id = reply.getResponse()[0].getCertReqId().getValue();
                } else if (body.getContent() instanceof PollRepContent reply) {
                    id = reply.getCertReqId(0).getValue();
                    wait = reply.getCheckAfter(0).getValue().intValueExact();
                } else {
                    return answer;
                }
                Thread.sleep(1000L * wait);
                answer = send(message(new PKIBody(PKIBody.TYPE_POLL_REQ, new PollReqContent(id)), true));
            }
            throw new Refused("no final answer");
        }

        /** One HTTP exchange (RFC 9811). */
        PKIMessage exchange(PKIMessage message) throws Exception {
            byte[] der = message.getEncoded("DER");
            HttpRequest request = HttpRequest.newBuilder(URI.create(options.need("url"))).header("Content-Type", "application/pkixcmp")
                .POST(HttpRequest.BodyPublishers.ofByteArray(der)).build();
            HttpResponse<byte[]> response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) {
                throw new Refused("HTTP " + response.statusCode());
            }
            if (!response.headers().firstValue("Content-Type").orElse("").equals("application/pkixcmp")) {
                throw new Refused("another Content-Type");
            }
            if (options.has("record")) {
                String place = options.need("record") + "-" + ++recorded;
                Files.write(Path.of(place + "-req.der"), der);
                Files.write(Path.of(place + "-rsp.der"), response.body());
            }
            PKIMessage answer = PKIMessage.getInstance(response.body());
            System.out.println(told(answer));
            return answer;
        }

        /** What RFC 9483 section 3.5 has a client check. */
        void check(PKIMessage answer) throws Exception {
            PKIHeader header = answer.getHeader();
            boolean unnamed = options.get("fault", "").equals("notransaction") || options.get("fault", "").equals("othertransaction");
            if (!unnamed && !options.has("ownid") && !Arrays.equals(transaction, octets(header.getTransactionID()))) {
                throw new Refused("another transactionID");
            }
            if (!Arrays.equals(lastSent, octets(header.getRecipNonce()))) {
                throw new Refused("another recipNonce");
            }
            lastReceived = octets(header.getSenderNonce());
            if (lastReceived == null || lastReceived.length < 16) {
                throw new Refused("a senderNonce too short");
            }
            int type = answer.getBody().getType();
            if (answer.getProtection() == null) {
                if (type == PKIBody.TYPE_ERROR && options.has("unprotected")) {
                    return;
                }
                throw new Refused("an answer without protection; " + told(answer));
            }
            ProtectedPKIMessage guarded = new ProtectedPKIMessage(new GeneralPKIMessage(answer));
            if (options.has("secret") && !options.has("ra")) {
                char[] secret = options.need("secret").toCharArray();
                boolean right = guarded.hasPasswordBasedMacProtection()
                    ? guarded.verify(new PKMACBuilder(new JcePKMACValuesCalculator()), secret)
                    : Pbmac1.verifies(answer, secret);
                if (!right) {
                    throw new Refused("the answer's MAC is wrong");
                }
                return;
            }
            X509CertificateHolder[] along = guarded.getCertificates();
            if (along.length > 0) {
                counterpart = along[0];
                trust(counterpart, along);
            }
            if (counterpart == null || !guarded.verify(new JcaContentVerifierProviderBuilder().setProvider("BC").build(counterpart))) {
                throw new Refused("the answer's signature is wrong");
            }
        }
    }

    // Protection.

    private static void keyIdentifier(ProtectedPKIMessageBuilder builder, X509CertificateHolder certificate) {
        Extension found = certificate.getExtension(Extension.subjectKeyIdentifier);
        if (found != null) {
            builder.setSenderKID(ASN1OctetString.getInstance(found.getParsedValue()).getOctets());
        }
    }

    private MacCalculator mac(String kind) throws Exception {
        char[] secret = options.need("secret").toCharArray();
        if (kind.equals("pbmac1")) {
            return Pbmac1.with(secret, nonce(), Integer.parseInt(options.get("iterations", "2048")), options.get("hmac", "HMACSHA256"));
        }
        int iterations = Integer.parseInt(options.get("iterations", "1000"));
        AlgorithmIdentifier owf = new AlgorithmIdentifier(Map.of("SHA1", OIWObjectIdentifiers.idSHA1,
            "SHA256", NISTObjectIdentifiers.id_sha256, "SHA512", NISTObjectIdentifiers.id_sha512).get(options.get("owf", "SHA256")));
        AlgorithmIdentifier hmac = new AlgorithmIdentifier(options.get("hmac", "HMACSHA256").equals("HMACSHA512")
            ? PKCSObjectIdentifiers.id_hmacWithSHA512 : PKCSObjectIdentifiers.id_hmacWithSHA256,
            DERNull.INSTANCE);
        return new PKMACBuilder(new JcePKMACValuesCalculator()).setParameters(new PBMParameter(nonce(), owf, iterations, hmac)).build(secret);
    }

    private static ContentSigner signer(PrivateKey key, String algorithm) throws Exception {
        String usual = switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC", "ECDSA" -> "SHA256withECDSA";
            default -> key.getAlgorithm();
        };
        return new JcaContentSignerBuilder(algorithm == null ? usual : algorithm).setProvider("BC").build(key);
    }

    private PKIMessage spoilt(PKIMessage message, boolean confirming) {
        if (!options.fault("protection", confirming)) {
            return message;
        }
        byte[] bits = message.getProtection().getOctets().clone();
        bits[bits.length - 1] ^= 1;
        return new PKIMessage(message.getHeader(), message.getBody(), new DERBitString(bits), message.getExtraCerts());
    }

    private void trust(X509CertificateHolder certificate, X509CertificateHolder[] along) throws Exception {
        JcaX509CertificateConverter converter = new JcaX509CertificateConverter().setProvider("BC");
        List<X509Certificate> all = new ArrayList<>();
        for (X509CertificateHolder one : along) {
            all.add(converter.getCertificate(one));
        }
        X509CertSelector wanted = new X509CertSelector();
        wanted.setCertificate(converter.getCertificate(certificate));
        PKIXBuilderParameters parameters =
            new PKIXBuilderParameters(Set.of(new TrustAnchor(converter.getCertificate(Pem.certificate(options.need("trusted"))), null)), wanted);
        parameters.setRevocationEnabled(false);
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(all)));
        CertPathBuilder.getInstance("PKIX").build(parameters);
    }

    // Telling and keeping.

    private CMPCertificate issued(PKIMessage answer) throws Exception {
        CertResponse response = CertRepMessage.getInstance(answer.getBody().getContent()).getResponse()[0];
        int status = response.getStatus().getStatus().intValue();
        if (status != PKIStatus.GRANTED && status != PKIStatus.GRANTED_WITH_MODS) {
            throw new Refused(text(response.getStatus()));
        }
        return response.getCertifiedKeyPair().getCertOrEncCert().getCertificate();
    }

    private static void expect(int kind, PKIMessage answer) throws Exception {
        if (answer.getBody().getType() != kind) {
            throw new Refused(told(answer));
        }
    }

    private static String told(PKIMessage answer) {
        String kind = KINDS[answer.getBody().getType()];
        ASN1Encodable content = answer.getBody().getContent();
        PKIStatusInfo status = null;
        if (content instanceof CertRepMessage reply) {
            status = reply.getResponse()[0].getStatus();
        } else if (content instanceof RevRepContent reply) {
            status = reply.getStatus()[0];
        } else if (content instanceof ErrorMsgContent error) {
            status = error.getPKIStatusInfo();
        }
        return kind + (status == null ? "" : " " + text(status));
    }

    private static String text(PKIStatusInfo info) {
        StringBuilder text = new StringBuilder(STATUS[info.getStatus().intValue()]);
        ASN1BitString bits = info.getFailInfo();
        for (int bit = 0; bits != null && bit < FAILURES.length; bit++) {
            byte[] octets = bits.getBytes();
            if (bit / 8 < octets.length && (octets[bit / 8] & 0x80 >> bit % 8) != 0) {
                text.append(' ').append(FAILURES[bit]);
            }
        }
        PKIFreeText free = info.getStatusString();
        for (int i = 0; free != null && i < free.size(); i++) {
            text.append(": ").append(free.getStringAtUTF8(i).getString());
        }
        return text.toString();
    }

    private void write(CMPCertificate certificate) throws Exception {
        if (options.has("out")) {
            try (JcaPEMWriter writer = new JcaPEMWriter(new FileWriter(options.need("out"), options.has("batch")))) {
                writer.writeObject(new X509CertificateHolder(certificate.getX509v3PKCert()));
            }
        }
    }

    private static boolean has(PKIHeader header, ASN1ObjectIdentifier type) {
        InfoTypeAndValue[] all = header.getGeneralInfo();
        return all != null && Arrays.stream(all).anyMatch(info -> info.getInfoType().equals(type));
    }

    private byte[] nonce() {
        byte[] nonce = new byte[16];
        random.nextBytes(nonce);
        return nonce;
    }

    private static byte[] octets(ASN1OctetString value) {
        return value == null ? null : value.getOctets();
    }

    private static final GeneralName RECIPIENT = new GeneralName(new X500Name(new RDN[0]));
    private static final String[] KINDS = {"ir", "ip", "cr", "cp", "p10cr", "popdecc", "popdecr", "kur", "kup", "krr", "krp", "rr", "rp",
        "ccr", "ccp", "ckuann", "cann", "rann", "crlann", "pkiconf", "nested", "genm", "genp", "error", "certConf", "pollReq", "pollRep"};
    private static final String[] STATUS = {"accepted", "grantedWithMods", "rejection", "waiting", "revocationWarning",
        "revocationNotification", "keyUpdateWarning"};
    /** PKIFailureInfo, by bit (RFC 9810 section 5.2.3). */
    private static final String[] FAILURES = {"badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId", "badDataFormat",
        "wrongAuthority", "incorrectData", "missingTimeStamp", "badPOP", "certRevoked", "certConfirmed", "wrongIntegrity",
        "badRecipientNonce", "timeNotAvailable", "unacceptedPolicy", "unacceptedExtension", "addInfoNotAvailable", "badSenderNonce",
        "badCertTemplate", "signerNotTrusted", "transactionIdInUse", "unsupportedVersion", "notAuthorized", "systemUnavail",
        "systemFailure", "duplicateCertReq"};
}
