// Keys and certificates from PEM files.

import java.io.FileReader;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.*;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

final class Pem {
    static X509CertificateHolder certificate(String file) throws Exception {
        return certificates(file).get(0);
    }

    static List<X509CertificateHolder> certificates(String file) throws Exception {
        List<X509CertificateHolder> all = new ArrayList<>();
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            for (Object one = parser.readObject(); one != null; one = parser.readObject()) {
                all.add((X509CertificateHolder) one);
            }
        }
        return all;
    }

    // Who proves to be the holder of a certificate in a TLS handshake.
    static KeyManager[] holder(String file, String key) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        Certificate certificate = new JcaX509CertificateConverter().getCertificate(certificate(file));
        store.setKeyEntry("holder", key(key).getPrivate(), new char[0], new Certificate[] {certificate});
        KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    static KeyPair key(String file) throws Exception {
        JcaPEMKeyConverter converter = new JcaPEMKeyConverter().setProvider("BC");
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            Object found = parser.readObject();
            if (found instanceof PEMKeyPair pair) {
                return converter.getKeyPair(pair);
            }
            PrivateKey secret = converter.getPrivateKey((PrivateKeyInfo) found);
            // The public half stands beside it: NAME.key and NAME.pub.
            try (PEMParser other = new PEMParser(new FileReader(file.replaceFirst("\\.key$", ".pub")))) {
                return new KeyPair(converter.getPublicKey((SubjectPublicKeyInfo) other.readObject()), secret);
            }
        }
    }
}
