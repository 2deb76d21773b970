//! One request of an agent, every part of it in the test's hand.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use tokio::net::TcpStream;

use super::events::Events;
use crate::http1::{self, Answer, Connection};
use crate::wait::within;

/// A request that is not sent yet.
#[derive(Clone, Debug)]
pub struct Ask {
    address: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Ask {
    /// A request to `127.0.0.1:port`, with nothing but a `Host`.
    #[must_use]
    pub fn new(method: &str, address: &str, target: &str) -> Self {
        Self {
            address: address.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".into(), address.to_owned())],
            body: Bytes::new(),
        }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This header with this value and no other.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// Not this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    /// Another path or query.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the answer whole.
    ///
    /// # Panics
    /// When there is no answer, or only a part of one.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.target);
        self.try_send().await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends it and reads the answer whole, if there is one.
    ///
    /// # Errors
    /// When the connection is refused or breaks.
    ///
    /// # Panics
    /// When nothing happens at all.
    pub async fn try_send(self) -> Result<Answer, String> {
        within("an answer", async {
            let (response, _connection) = self.start().await?;
            http1::read(response).await
        })
        .await
    }

    /// Sends it; the answer is read as it comes.
    ///
    /// # Panics
    /// When no answer begins.
    pub async fn open(self) -> Events {
        let (response, connection) =
            within("the head of an answer", self.start()).await.expect("an answer begins");
        Events::new(response, connection)
    }

    /// Sends it; no bound on the wait. Dropping the future is going away.
    ///
    /// # Errors
    /// When the connection is refused or breaks before a head.
    pub async fn start(self) -> Result<(Response<Incoming>, Connection), String> {
        http1::open(self.connect().await?, self.into_request()).await
    }

    /// It as it stands on the wire, for a socket of the test's own.
    #[must_use]
    pub fn to_text(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (method, target, body) = (&self.method, &self.target, String::from_utf8_lossy(&self.body));
        format!("{method} {target} HTTP/1.1\r\n{headers}content-length: {}\r\n\r\n{body}", self.body.len())
    }

    /// A connection to where it goes.
    pub(super) async fn connect(&self) -> Result<TcpStream, String> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).ok();
        Ok(stream)
    }

    pub(super) fn into_request(self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.target.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body)).expect("a request that HTTP can carry")
    }
}
