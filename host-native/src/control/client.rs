//! A small client of the control API, for the command line.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

use super::listener::Connection;
use super::secret::ControlSecret;
use super::{address_text, percent};
use crate::settings::ControlAddress;

/// How long a proxy may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a proxy may take to answer: a little longer than it takes itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(75);

/// A client of one proxy's control API; each request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    address: ControlAddress,
    name: String,
    authorization: Option<HeaderValue>,
}

/// What the proxy answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, a JSON text.
    pub body: Bytes,
}

/// Why a proxy could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no listener to ask.
    #[error("this proxy has no control listener (--control none): nothing can be asked of it")]
    NoListener,
    /// The secret cannot be a header.
    #[error("the control secret holds characters that cannot be sent in a header")]
    BadSecret,
    /// Nobody listens, or nobody may connect.
    #[error("no proxy answers at {address}: is it running? ({source})")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke off.
    #[error("the proxy at {address} broke the connection off: {source}")]
    Broken {
        /// Where it was asked.
        address: String,
        /// What went wrong.
        source: hyper::Error,
    },
    /// It took too long.
    #[error("the proxy at {address} did not answer in time")]
    Silent {
        /// Where it was asked.
        address: String,
    },
    /// The path cannot be sent.
    #[error("this cannot be asked of a proxy: {0}")]
    Unaskable(#[from] http::Error),
}

impl Client {
    /// A client of the proxy at this address; the secret is for TCP addresses.
    ///
    /// # Errors
    /// When there is no listener, or when the secret cannot be sent.
    pub fn new(address: ControlAddress, secret: Option<&ControlSecret>) -> Result<Self, ClientError> {
        let name = address_text(&address).ok_or(ClientError::NoListener)?;
        let value = secret.map(|secret| HeaderValue::try_from(secret.authorization()));
        let mut authorization = value.transpose().map_err(|_| ClientError::BadSecret)?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self { address, name, authorization })
    }

    /// Where it asks: `unix:/path` or `127.0.0.1:4321`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.name
    }

    /// The path of a write in the outbox: its key as one segment.
    #[must_use]
    pub fn write_path(key: &str) -> String {
        format!("/v1/outbox/{}", percent::encode(key))
    }

    /// Sends one request, with a JSON body or none, and waits for the whole answer.
    ///
    /// # Errors
    /// When the proxy cannot be reached, or does not answer. A refusal is an [`Answer`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path, body)?;
        let exchange = self.exchange(request);
        let silent = |_| ClientError::Silent { address: self.name.clone() };
        tokio::time::timeout(ANSWER_WITHIN, exchange).await.map_err(silent)?
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let host = match &self.address {
            ControlAddress::Tcp(address) => address.to_string(),
            ControlAddress::Unix(_) | ControlAddress::None => "localhost".to_owned(),
        };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        request = request.header(header::CONNECTION, "close");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Ok(request.body(Full::new(bytes))?)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let broken = |source| ClientError::Broken { address: self.name.clone(), source };
        let connection = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::handshake(connection).await.map_err(broken)?;
        let talk = async move {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: head.status, body })
        };
        let (answer, _) = tokio::join!(talk, connection);
        answer.map_err(broken)
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, ClientError> {
        let unreachable = |source| ClientError::Unreachable { address: self.name.clone(), source };
        let opened = tokio::time::timeout(CONNECT_WITHIN, open(&self.address)).await;
        opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(unreachable)
    }
}

async fn open(address: &ControlAddress) -> io::Result<Box<dyn Connection>> {
    match address {
        ControlAddress::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        ControlAddress::Tcp(address) => Ok(Box::new(TcpStream::connect(address).await?)),
        ControlAddress::None => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}
