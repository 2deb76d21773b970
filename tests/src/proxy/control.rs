//! The runner's side of a proxy: HTTP on the control listener (B-8.1, B-10).

use std::path::PathBuf;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

use crate::http1::{self, Answer};
use crate::wait::within;

/// A control listener.
#[derive(Clone, Debug)]
pub struct Control {
    /// As the ready line and `--control` name it.
    pub address: String,
    data: PathBuf,
}

impl Control {
    /// The listener of the proxy with this data directory.
    #[must_use]
    pub fn new(address: &str, data: PathBuf) -> Self {
        Self { address: address.to_owned(), data }
    }

    /// The path of the Unix socket, where it is one.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        self.address.strip_prefix("unix:").map(PathBuf::from)
    }

    /// The secret of a TCP control listener.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn secret(&self) -> String {
        let secret = std::fs::read_to_string(self.data.join("control-secret"));
        secret.expect("control-secret in the data directory").trim().to_owned()
    }

    /// A request, with the secret where one is needed.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let secret = self.socket().is_none().then(|| self.secret());
        self.ask_with(secret.as_deref(), method, path, body).await
    }

    /// A request with this secret or none.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask_with(
        &self,
        secret: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(secret) = secret {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(Full::new(body)).expect("a request");
        let answer = within("an answer on the control listener", self.send(request)).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let (response, _connection) = if let Some(socket) = self.socket() {
            let stream = UnixStream::connect(socket).await.map_err(|error| error.to_string())?;
            http1::open(stream, request).await?
        } else {
            let stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
            http1::open(stream, request).await?
        };
        http1::read(response).await
    }

    /// `GET /v1/status`
    ///
    /// # Panics
    /// When it fails.
    pub async fn status(&self) -> Value {
        let answer = self.ask("GET", "/v1/status", None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// `GET /v1/outbox`
    ///
    /// # Panics
    /// When it fails.
    pub async fn outbox(&self) -> Vec<Value> {
        let answer = self.ask("GET", "/v1/outbox", None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["entries"].as_array().expect("entries").clone()
    }

    /// `PUT /v1/context`
    ///
    /// # Panics
    /// When it fails.
    pub async fn isolated_worktree(&self, isolated: bool) {
        let answer = self.ask("PUT", "/v1/context", Some(json!({"isolatedWorktree": isolated}))).await;
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// `POST /v1/refresh`
    pub async fn refresh(&self) -> Answer {
        self.ask("POST", "/v1/refresh", None).await
    }

    /// `PUT /v1/token`
    ///
    /// # Panics
    /// When it fails.
    pub async fn token(&self, token: &str) {
        let answer = self.ask("PUT", "/v1/token", Some(json!({"token": token}))).await;
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// `GET /metrics`
    pub async fn metrics(&self) -> String {
        self.ask("GET", "/metrics", None).await.text()
    }
}
