//! The attacker's server: pages with the script, and where they tell what they got to know.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::chromium::Chromium;

const SCRIPT: &str = include_str!("attack.js");

/// How long a browser may take on a busy machine.
const BROWSER: Duration = Duration::from_secs(60);

pub(super) struct Pages {
    port: u16,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    /// Another page, loaded inside of this one.
    inside: Mutex<Option<String>>,
    /// Where the page asks and tells.
    reporter: Mutex<String>,
    go: watch::Sender<Option<String>>,
    waiting: Mutex<Vec<String>>,
    reports: Mutex<Vec<String>>,
}

impl Pages {
    pub(super) fn serve(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            inside: Mutex::default(),
            reporter: Mutex::default(),
            go: watch::Sender::new(None),
            waiting: Mutex::default(),
            reports: Mutex::default(),
        });
        let serves = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, Arc::clone(&serves)));
            }
        });
        Self { port, shared, server }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its page loads another one inside.
    pub(super) fn load_inside(&self, url: &str) {
        *self.shared.inside.lock().unwrap() = Some(url.to_owned());
    }

    /// Its page asks and tells there, not here.
    pub(super) fn report_to(&self, origin: &str) {
        origin.clone_into(&mut self.shared.reporter.lock().unwrap());
    }

    /// Does not listen any more: the port is free.
    pub(super) async fn close(self) {
        self.server.abort();
        self.server.await.ok();
    }

    /// The origins of the pages that wait to be told where to go, once there are so many.
    pub(super) async fn waiting(&self, count: usize, browser: &Chromium) -> Vec<String> {
        self.until(count, "pages are loaded", &self.shared.waiting, browser).await
    }

    /// Tells them.
    pub(super) fn go(&self, told: &Value) {
        self.shared.go.send_replace(Some(told.to_string()));
    }

    /// What they told, once so many did.
    pub(super) async fn reports<T: DeserializeOwned>(&self, count: usize, browser: &Chromium) -> Vec<T> {
        let all = self.until(count, "pages have told", &self.shared.reports, browser).await;
        all.iter().map(|report| serde_json::from_str(report).unwrap()).collect()
    }

    async fn until(
        &self,
        count: usize,
        what: &str,
        of: &Mutex<Vec<String>>,
        browser: &Chromium,
    ) -> Vec<String> {
        let start = Instant::now();
        loop {
            let there = of.lock().unwrap().clone();
            if there.len() >= count {
                return there;
            }
            assert!(
                start.elapsed() < BROWSER,
                "waited in vain until {count} {what}: {there:?}; it said {}",
                browser.said()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// One request, and the end of the connection, so that none is kept for the server that comes after this one.
async fn answer(mut connection: TcpStream, shared: Arc<Shared>) {
    let mut request = Vec::new();
    let (head, body) = loop {
        if let Some(whole) = whole(&request) {
            break whole;
        }
        if !matches!(connection.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (content_type, body) = match path.as_str() {
        "/" => ("text/html", page(&shared)),
        "/go" => {
            shared.waiting.lock().unwrap().push(body);
            let mut go = shared.go.subscribe();
            let told = go.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
            ("application/json", told.unwrap_or_default())
        }
        "/report" => {
            shared.reports.lock().unwrap().push(body);
            ("text/plain", String::new())
        }
        _ => ("text/plain", String::new()),
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\naccess-control-allow-origin: *\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(answer.as_bytes()).await.ok();
    connection.shutdown().await.ok();
}

fn page(shared: &Shared) -> String {
    let inside = shared.inside.lock().unwrap().as_ref().map(|url| format!("<iframe src='{url}'></iframe>"));
    let reporter = shared.reporter.lock().unwrap();
    format!(
        "<!doctype html><body>{}<script>{SCRIPT}\nmain('{reporter}');</script>",
        inside.unwrap_or_default()
    )
}

/// Head and body, once both are there.
fn whole(request: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
}
