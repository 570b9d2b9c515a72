// One EST operation by Bouncy Castle's client (org.bouncycastle.est), which follows RFC 7030 closely: a request without credentials first,
// and no patience for a body where there should be none.

import java.io.FileOutputStream;
import java.io.FileWriter;
import java.net.URI;
import java.security.KeyPair;
import java.security.Security;
import java.security.cert.TrustAnchor;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.CSRRequestResponse;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public final class Est {
    private final Map<String, String> words = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Est est = new Est();
        for (int at = 1; at < arguments.length; at++) {
            String[] parts = arguments[at].split("=", 2);
            est.words.put(parts[0], parts[1]);
        }
        try {
            est.run(arguments[0]);
        } catch (ESTException refused) {
            System.err.println("status " + refused.getStatusCode() + ": " + refused.getMessage());
            System.exit(1);
        }
    }

    private void run(String operation) throws Exception {
        ESTService service = service();
        switch (operation) {
            case "cacerts" -> keep(ESTService.storeToArray(service.getCACerts().getCertificateStore()));
            case "csrattrs" -> {
                CSRRequestResponse told = service.getCSRAttributes();
                try (FileOutputStream out = new FileOutputStream(words.get("out"))) {
                    out.write(told.getAttributesResponse().getEncoded());
                }
            }
            case "enroll", "reenroll" -> {
                EnrollmentResponse answer = service.simpleEnroll(operation.equals("reenroll"), request(), credentials());
                if (!answer.isCompleted()) {
                    throw new IllegalStateException("come back at " + answer.getNotBefore());
                }
                keep(ESTService.storeToArray(answer.getStore()));
            }
            default -> throw new IllegalArgumentException(operation);
        }
    }

    private ESTService service() throws Exception {
        URI url = URI.create(words.get("url"));
        Set<TrustAnchor> anchors = new HashSet<>();
        for (X509CertificateHolder root : Pem.certificates(words.get("roots"))) {
            anchors.add(new TrustAnchor(new JcaX509CertificateConverter().getCertificate(root), null));
        }
        JsseESTServiceBuilder builder = new JsseESTServiceBuilder(
            url.getHost() + ":" + url.getPort(), JcaJceUtils.getCertPathTrustManager(anchors, null));
        builder.withTimeout(10_000);
        builder.withHostNameAuthorizer(new JsseDefaultHostnameAuthorizer(Collections.emptySet()));
        builder.withTLSVersion(words.getOrDefault("tls", "TLS"));
        if (words.containsKey("label")) {
            builder.withLabel(words.get("label"));
        }
        if (words.containsKey("cert")) {
            builder.withKeyManagers(Pem.holder(words.get("cert"), words.get("key")));
        }
        return builder.build();
    }

    private PKCS10CertificationRequest request() throws Exception {
        KeyPair pair = Pem.key(words.get("new"));
        String algorithm = pair.getPrivate().getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        return new JcaPKCS10CertificationRequestBuilder(new X500Name(words.get("subject")), pair.getPublic())
            .build(new JcaContentSignerBuilder(algorithm).setProvider("BC").build(pair.getPrivate()));
    }

    private ESTAuth credentials() throws Exception {
        if (!words.containsKey("user")) {
            return null;
        }
        return new JcaHttpAuthBuilder(words.get("user"), words.get("password").toCharArray()).setProvider("BC").build();
    }

    private void keep(X509CertificateHolder[] certificates) throws Exception {
        try (JcaPEMWriter out = new JcaPEMWriter(new FileWriter(words.get("out")))) {
            for (X509CertificateHolder certificate : certificates) {
                out.writeObject(certificate);
            }
        }
    }
}
