//! From a command to a proxy that is ready.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::builder::ProxyBuilder;
use super::cli::Ended;
use super::control::Control;
use super::{Proxy, Running};
use crate::wait::within;

/// The line that says that the proxy is ready (B-10).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    pub url: String,
    pub port: u16,
    pub secret_file: Option<PathBuf>,
    pub control: Option<String>,
}

pub(super) async fn try_start(builder: ProxyBuilder) -> Result<Proxy, Ended> {
    let running = try_launch(&builder).await?;
    Ok(Proxy { builder, running })
}

pub(super) async fn start(builder: ProxyBuilder) -> Proxy {
    let running = launch(&builder).await;
    Proxy { builder, running }
}

pub(super) async fn launch(builder: &ProxyBuilder) -> Running {
    match try_launch(builder).await {
        Ok(running) => running,
        Err(ended) => panic!("no ready line: {ended:?}"),
    }
}

pub(super) async fn try_launch(builder: &ProxyBuilder) -> Result<Running, Ended> {
    let mut command = builder.command();
    let mut child =
        command.stdout(Stdio::piped()).stderr(builder.home.stderr()).spawn().expect("start the proxy");
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    let line = within("the ready line", lines.next_line()).await.expect("a line of text");
    let Some(line) = line else { return Err(give_up(child, builder).await) };
    let ready: Ready =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in the ready line {line}"));
    let secret = ready
        .secret_file
        .as_ref()
        .map(|file| std::fs::read_to_string(file).expect("the secret file").trim().to_owned());
    let control = ready.control.as_deref().map(|address| Control::new(address, builder.home.data()));
    let printed = Arc::new(Mutex::new(vec![line]));
    tokio::spawn(collect(lines, printed.clone()));
    Ok(Running { child, ready, secret, control, printed })
}

async fn give_up(mut child: Child, builder: &ProxyBuilder) -> Ended {
    let status = within("the proxy's end", child.wait()).await.expect("wait for the proxy");
    Ended { code: status.code(), stdout: String::new(), stderr: builder.home.logs() }
}

async fn collect(mut lines: Lines<BufReader<ChildStdout>>, printed: Arc<Mutex<Vec<String>>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        printed.lock().unwrap().push(line);
    }
}
