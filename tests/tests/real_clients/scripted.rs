//! A client in a process of its own: a script in `tests/clients`, in the language of the client.
//!
//! It reads one JSON line for each thing to do, and answers each with one JSON line, `{"error": …}` when its
//! client throws:
//!
//! | line | answer |
//! |---|---|
//! | `{"do":"connect","url","secret","mode"}` | `{"version"}`: the protocol version that was settled on |
//! | `{"do":"list"}` | `{"tools":[…]}` |
//! | `{"do":"call","tool","arguments","steps"}` | `{"result":{…},"progress":[1,2]}`, once it heard of so many steps |
//! | `{"do":"told","times"}` | `{"told"}`, once it was told of a changed menu so often |
//! | `{"do":"leave"}` | `{}` |

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::within;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::agent::{Agent, Called};

/// A client: the folder of its script below `tests/clients`, and its script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    name: &'static str,
    script: &'static str,
}

pub(crate) const TYPESCRIPT_1: Client = Client { name: "typescript-1", script: "agent.mjs" };
pub(crate) const TYPESCRIPT_2: Client = Client { name: "typescript-2", script: "agent.mjs" };
pub(crate) const PYTHON_1: Client = Client { name: "python-1", script: "agent.py" };
pub(crate) const PYTHON_2: Client = Client { name: "python-2", script: "agent.py" };

impl Client {
    /// Runs the script in the folder that holds the client's packages.
    fn command(self) -> Command {
        let packages = installed(&format!("RELAY_MCP_{}", self.name.to_uppercase().replace('-', "_")));
        let interpreter = if self.script.ends_with(".py") { packages.join("bin/python") } else { node() };
        let mut command = Command::new(interpreter);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(self.name).join(self.script));
        command.current_dir(packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// The Node.js of the tests.
pub(crate) fn node() -> PathBuf {
    installed("RELAY_MCP_NODE")
}

/// What `tests/run` has installed and names in this environment variable.
pub(crate) fn installed(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| {
        panic!("{variable} is not set: run the tests with `tests/run`, which installs the clients")
    })
}

/// A script that runs, and whose client has connected.
pub(crate) struct ScriptedAgent {
    version: String,
    child: Child,
    wishes: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    grumbling: Arc<Mutex<String>>,
}

impl ScriptedAgent {
    /// Connects to the proxy; `mode` is for clients that know both eras: `legacy` or `auto`.
    pub(crate) async fn connect(client: Client, mode: &str, proxy: &Proxy) -> Self {
        let mut agent = Self::start(client);
        let url = &proxy.ready().url;
        let wish = json!({"do": "connect", "url": url, "secret": proxy.secret(), "mode": mode});
        let hello = agent.done(wish).await;
        agent.version = hello["version"].as_str().expect("a version").to_owned();
        agent
    }

    fn start(client: Client) -> Self {
        let mut command = client.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{error}: {command:?}"));
        let wishes = child.stdin.take().expect("its stdin");
        let answers = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        let grumbling = Arc::<Mutex<String>>::default();
        tokio::spawn(collect(child.stderr.take().expect("its stderr"), grumbling.clone()));
        Self { version: String::new(), child, wishes, answers, grumbling }
    }

    /// What comes of a wish that must come true.
    async fn done(&mut self, wish: Value) -> Value {
        let answer = self.ask(&wish).await;
        assert!(answer.get("error").is_none(), "{wish}: {answer}\n{}", self.grumbling.lock().unwrap());
        answer
    }

    async fn ask(&mut self, wish: &Value) -> Value {
        let asked = async {
            self.wishes.write_all(format!("{wish}\n").as_bytes()).await.ok();
            self.answers.next_line().await.ok().flatten()
        };
        let answer = tokio::time::timeout(relay_mcp_tests::wait::PATIENCE, asked).await.ok().flatten();
        let Some(answer) = answer else { panic!("no answer to {wish}\n{}", self.grumbling.lock().unwrap()) };
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
    }
}

impl Agent for ScriptedAgent {
    fn version(&self) -> &str {
        &self.version
    }

    fn checks_results(&self) -> bool {
        true
    }

    async fn menu(&mut self) -> Vec<Value> {
        let answer = self.done(json!({"do": "list"})).await;
        answer["tools"].as_array().expect("tools").clone()
    }

    async fn call(&mut self, tool: &str, arguments: Value, steps: usize) -> Result<Called, String> {
        let answer =
            self.ask(&json!({"do": "call", "tool": tool, "arguments": arguments, "steps": steps})).await;
        if let Some(error) = answer["error"].as_str() {
            return Err(format!("{error}\n{}", self.grumbling.lock().unwrap()));
        }
        let content = answer["result"]["structuredContent"].clone();
        let progress = answer["progress"].as_array().expect("progress");
        Ok(Called { content, progress: progress.iter().filter_map(Value::as_f64).collect() })
    }

    async fn told(&mut self, times: usize) -> usize {
        let answer = self.done(json!({"do": "told", "times": times})).await;
        answer["told"].as_u64().expect("a number") as usize
    }

    async fn leave(mut self) {
        self.done(json!({"do": "leave"})).await;
        drop(self.wishes);
        let status = within("the script's end", self.child.wait()).await.expect("wait for the script");
        assert!(status.success(), "{status}\n{}", self.grumbling.lock().unwrap());
    }
}

async fn collect(from: ChildStderr, into: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        into.lock().unwrap().push_str(&(line + "\n"));
    }
}
