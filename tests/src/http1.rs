//! HTTP/1.1 as tests speak it: mostly one request on one connection of its own, so that a test knows what is
//! on the wire, and dropping the exchange is going away.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

/// Closes its connection when it is dropped.
#[derive(Debug)]
pub struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What sends requests on a connection, one after the other.
pub type Sender = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

/// Makes a connection ready for requests.
///
/// # Errors
/// What went wrong, as a sentence.
pub async fn begin<I>(io: I) -> Result<(Sender, Connection), String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| format!("handshake: {error}"))?;
    let connection = Connection(tokio::spawn(async move { drop(connection.await) }).abort_handle());
    Ok((sender, connection))
}

/// Sends a request; the answer's body has not been read yet.
///
/// # Errors
/// What went wrong on the connection, as a sentence.
pub async fn open<I>(io: I, request: Request<Full<Bytes>>) -> Result<(Response<Incoming>, Connection), String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = begin(io).await?;
    let response = sender.send_request(request).await.map_err(|error| format!("request: {error:?}"))?;
    Ok((response, connection))
}

/// Reads an answer whole.
///
/// # Errors
/// When it breaks off.
pub async fn read(response: Response<Incoming>) -> Result<Answer, String> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("body: {error:?}"))?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in a {} answer: {}", self.status, self.text()))
    }

    /// The JSON-RPC response: the body, or the event of an SSE body that carries it.
    ///
    /// # Panics
    /// When there is none.
    pub fn rpc(&self) -> Value {
        if !self.header("content-type").is_some_and(|value| value.starts_with("text/event-stream")) {
            return self.json();
        }
        let responses = crate::agent::events::parse_all(&self.body)
            .into_iter()
            .filter_map(|event| serde_json::from_str::<Value>(&event.data).ok())
            .filter(|message| message.get("result").is_some() || message.get("error").is_some());
        let responses: Vec<Value> = responses.collect();
        assert_eq!(responses.len(), 1, "one response in the event stream: {}", self.text());
        responses.into_iter().next().unwrap()
    }

    /// The `result` of a successful JSON-RPC response.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn result(&self) -> Value {
        let message = self.rpc();
        assert_eq!(self.status, 200, "{}", self.text());
        assert!(message.get("error").is_none(), "an error instead of a result: {message}");
        message.get("result").cloned().unwrap_or_else(|| panic!("no result in {message}"))
    }

    /// The `error` of a JSON-RPC response, whatever the HTTP status.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn error(&self) -> Value {
        let message = self.rpc();
        assert!(message.get("result").is_none(), "a result instead of an error: {message}");
        message.get("error").cloned().unwrap_or_else(|| panic!("no error in {message}"))
    }

    /// The code of [`Self::error`].
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn error_code(&self) -> i64 {
        self.error()["code"].as_i64().expect("an error code")
    }
}
