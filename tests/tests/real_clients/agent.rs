//! What the stories ask of a client, whatever it is written in.

use serde_json::Value;

/// A client that has connected.
pub(crate) trait Agent {
    /// The protocol version that it has settled on.
    fn version(&self) -> &str;

    /// Whether it compares `structuredContent` with the tool's `outputSchema`.
    fn checks_results(&self) -> bool;

    /// The tools in the menu, as it has understood them.
    async fn menu(&mut self) -> Vec<Value>;

    /// Calls a tool, and waits for so many steps of progress, of which a client may hear after the result; what
    /// the client says when it refuses the result, or gets none.
    async fn call(&mut self, tool: &str, arguments: Value, steps: usize) -> Result<Called, String>;

    /// Waits until it was told of a changed menu so often; how often that was by then.
    async fn told(&mut self, times: usize) -> usize;

    /// Takes its leave.
    async fn leave(self);
}

/// What came of a call.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// `structuredContent` of the result.
    pub(crate) content: Value,
    /// `progress` of each notification.
    pub(crate) progress: Vec<f64>,
}
