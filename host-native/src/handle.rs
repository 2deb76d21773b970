//! The runner's side, in process (B-8.1): set context, refresh, rotate the token, status, shut down.

use std::sync::Arc;

use relay_mcp_core::{Command, Reply};
use tokio::sync::{mpsc, oneshot, watch};

use crate::token::TokenSource;

/// What a runner holds of a running proxy. Cheap to clone; the control listener is the same thing as HTTP.
#[derive(Clone)]
pub struct Handle {
    questions: mpsc::UnboundedSender<Question>,
    token: TokenSource,
    stop: Arc<watch::Sender<bool>>,
}

/// A command on its way to the machine, and where its reply goes.
pub struct Question {
    /// What is asked.
    pub command: Command,
    /// Where the reply goes.
    pub reply: oneshot::Sender<Reply>,
}

/// The proxy has ended, so nobody answers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the proxy has shut down")]
pub struct Ended;

impl Handle {
    /// A handle, the questions that are asked through it, and the wish to stop, true once it is spoken.
    #[must_use]
    pub fn new(token: TokenSource) -> (Self, mpsc::UnboundedReceiver<Question>, watch::Receiver<bool>) {
        let (questions, asked) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        (Self { questions, token, stop: Arc::new(stop) }, asked, stopped)
    }

    /// Asks the machine, and waits for its reply.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub async fn ask(&self, command: Command) -> Result<Reply, Ended> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(Question { command, reply }).map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)
    }

    /// Replaces the relay token from the next call on; `None` for calls without a token.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub async fn rotate_token(&self, token: Option<String>) -> Result<(), Ended> {
        self.token.set(token);
        self.ask(Command::TokenChanged).await.map(drop)
    }

    /// Asks the proxy to shut down (B-8.4). Returns at once.
    pub fn shut_down(&self) {
        self.stop.send_replace(true);
    }
}
