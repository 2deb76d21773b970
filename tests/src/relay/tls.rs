//! Relays on TLS, with certificates of a test's own.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// An authority that signs certificates, and whom nobody knows but who is told.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Another one than all before.
    ///
    /// # Panics
    /// When its certificate cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key of the authority");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of the authority");
        let file = NamedTempFile::new().expect("a file for the certificate");
        std::fs::write(file.path(), issuer.pem()).expect("write the certificate");
        Self { issuer, file }
    }

    /// Its certificate, for who is to know it.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// What a server of this name needs that speaks these protocols: `h2`, `http/1.1`.
    #[must_use]
    pub fn server(&self, name: &str, protocols: &[&str]) -> Tls {
        self.signed(params(name), protocols)
    }

    /// The same, until the end of the last century.
    #[must_use]
    pub fn expired_server(&self, name: &str, protocols: &[&str]) -> Tls {
        let mut params = params(name);
        (params.not_before, params.not_after) = (date_time_ymd(1999, 1, 1), date_time_ymd(2000, 1, 1));
        self.signed(params, protocols)
    }

    fn signed(&self, params: CertificateParams, protocols: &[&str]) -> Tls {
        let key = KeyPair::generate().expect("a key of the server");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate of the server");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("its key");
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key and its certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Tls(Arc::new(config))
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("a name of a server")
}

/// What a server on TLS needs.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Agrees on it with a client.
    ///
    /// # Errors
    /// The client does not.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.clone()).accept(stream).await
    }
}

/// Whether HTTP/2 was agreed on.
pub(super) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}
