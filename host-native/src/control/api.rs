//! What each path of the control API does (B-10).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body::Body;
use relay_mcp_core::{Command, Reply, Status};
use serde_json::json;

use super::answer::{self, ApiResponse};
use super::body;
use super::guard::Guard;
use super::problem::Problem;
use super::report::{Info, Report};
use super::route::Route;
use crate::handle::Handle;
use crate::telemetry::{CONTENT_TYPE, Metrics};

/// How long the machine may take for what it does at once.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long the machine may take for what waits for the relay or the store.
const IN_THE_END: Duration = Duration::from_secs(60);

/// The control API of one proxy.
pub(super) struct Api {
    pub(super) guard: Guard,
    pub(super) handle: Handle,
    pub(super) metrics: Metrics,
    pub(super) info: Info,
}

impl Api {
    /// Answers one request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> ApiResponse
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let admitted = self.guard.admit(&head);
        let route = admitted.and_then(|()| Route::of(&head.method, head.uri.path()));
        let done = match route {
            Ok(route) => self.act(route, body).await,
            Err(problem) => Err(problem),
        };
        done.unwrap_or_else(|problem| answer::problem(&problem))
    }

    async fn act<B>(&self, route: Route, body: B) -> Result<ApiResponse, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match route {
            Route::Health => self.status().await.map(|_| answer::done(StatusCode::OK)),
            Route::Ready => self.ready().await,
            Route::Metrics => self.metrics().await,
            Route::Status => {
                let status = self.status().await?;
                Ok(answer::json(StatusCode::OK, &Report::new(&self.info, &status)))
            }
            Route::SetContext => self.set_context(&body::read(body).await?).await,
            Route::SetToken => self.set_token(&body::read(body).await?).await,
            Route::Refresh => self.refresh().await,
            Route::Shutdown => {
                self.handle.shut_down();
                Ok(answer::done(StatusCode::ACCEPTED))
            }
            Route::ListOutbox => self.list_outbox().await,
            Route::ShowWrite(key) => self.show_write(key).await,
            Route::DiscardWrite(key) => self.change_write(Command::DiscardWrite(key.clone()), key).await,
            Route::RetryWrite(key) => self.change_write(Command::RetryWrite(key.clone()), key).await,
        }
    }

    // The host serves this API only once the door and the store are open, so a machine that answers is
    // a proxy that is ready, whatever the relay does (B-11).
    async fn ready(&self) -> Result<ApiResponse, Problem> {
        let status = self.status().await?;
        Ok(answer::json(StatusCode::OK, &json!({"status": "ready", "relay": {"state": status.relay.state}})))
    }

    async fn metrics(&self) -> Result<ApiResponse, Problem> {
        let page = match self.status().await {
            Ok(status) => self.metrics.scrape(&status),
            // That there is no machine is a figure too.
            Err(Problem::Away(_) | Problem::Silent) => self.metrics.page(),
            Err(problem) => return Err(problem),
        };
        Ok(answer::text(StatusCode::OK, HeaderValue::from_static(CONTENT_TYPE), page.into()))
    }

    async fn set_context(&self, body: &[u8]) -> Result<ApiResponse, Problem> {
        let flags = body::context(body)?;
        self.done(Command::SetContext(flags), Problem::Refused).await?;
        let status = self.status().await?;
        Ok(answer::json(StatusCode::OK, &json!({"context": status.context})))
    }

    async fn set_token(&self, body: &[u8]) -> Result<ApiResponse, Problem> {
        let token = body::token(body)?;
        let rotated = tokio::time::timeout(IN_THE_END, self.handle.rotate_token(token)).await;
        rotated.map_err(|_| Problem::Silent)?.map_err(|_| Problem::Ended)?;
        Ok(answer::done(StatusCode::OK))
    }

    async fn refresh(&self) -> Result<ApiResponse, Problem> {
        self.done(Command::Refresh, Problem::RefreshFailed).await?;
        let status = self.status().await?;
        Ok(answer::json(StatusCode::OK, &json!({"tools": status.tools})))
    }

    async fn list_outbox(&self) -> Result<ApiResponse, Problem> {
        match self.ask(Command::ListOutbox, AT_ONCE).await? {
            Reply::Outbox(entries) => Ok(answer::json(StatusCode::OK, &json!({"entries": entries}))),
            Reply::Refused(sentence) => Err(Problem::Refused(sentence)),
            Reply::Done | Reply::Status(_) | Reply::Write(_) | Reply::UnknownWrite => Err(Problem::Misfit),
        }
    }

    async fn show_write(&self, key: String) -> Result<ApiResponse, Problem> {
        match self.ask(Command::ShowWrite(key.clone()), AT_ONCE).await? {
            Reply::Write(write) => Ok(answer::json(StatusCode::OK, &write)),
            Reply::UnknownWrite => Err(Problem::UnknownWrite { key }),
            Reply::Refused(sentence) => Err(Problem::Refused(sentence)),
            Reply::Done | Reply::Status(_) | Reply::Outbox(_) => Err(Problem::Misfit),
        }
    }

    async fn change_write(&self, command: Command, key: String) -> Result<ApiResponse, Problem> {
        match self.ask(command, IN_THE_END).await? {
            Reply::Done => Ok(answer::done(StatusCode::OK)),
            Reply::UnknownWrite => Err(Problem::UnknownWrite { key }),
            Reply::Refused(sentence) => Err(Problem::Refused(sentence)),
            Reply::Status(_) | Reply::Outbox(_) | Reply::Write(_) => Err(Problem::Misfit),
        }
    }

    async fn done(&self, command: Command, refused: fn(String) -> Problem) -> Result<(), Problem> {
        match self.ask(command, IN_THE_END).await? {
            Reply::Done => Ok(()),
            Reply::Refused(sentence) => Err(refused(sentence)),
            Reply::Status(_) | Reply::Outbox(_) | Reply::Write(_) | Reply::UnknownWrite => {
                Err(Problem::Misfit)
            }
        }
    }

    async fn status(&self) -> Result<Status, Problem> {
        match self.ask(Command::Status, AT_ONCE).await? {
            Reply::Status(status) => Ok(status),
            // A machine never refuses it: there is none.
            Reply::Refused(sentence) => Err(Problem::Away(sentence)),
            Reply::Done | Reply::Outbox(_) | Reply::Write(_) | Reply::UnknownWrite => Err(Problem::Misfit),
        }
    }

    async fn ask(&self, command: Command, within: Duration) -> Result<Reply, Problem> {
        let reply = tokio::time::timeout(within, self.handle.ask(command)).await;
        reply.map_err(|_| Problem::Silent)?.map_err(|_| Problem::Ended)
    }
}
