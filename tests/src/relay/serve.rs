//! From a request to an answer: record it, let the script have its way, else do the job.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Shared;
use super::body::Outgoing;
use super::fault::{Canned, Fault};
use super::recorded::{Recorded, Watch};
use super::server::Reset;
use super::{mcp, steps};

/// The path of the endpoint.
const PATH: &str = "/api/mcp";

pub(super) async fn answer(
    shared: Arc<Shared>,
    reset: Reset,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let Ok(body) = body.collect().await else { return std::future::pending().await };
    let request = Recorded::new(head, body.to_bytes());
    let watch = request.watch();
    shared.recorded.lock().unwrap().push(request.clone());
    if path != PATH {
        return finish(watch, whole(&Canned::text(404, "no such path"), &request));
    }
    let fault = shared.script.lock().unwrap().take(&request);
    match fault {
        None => mcp::answer(&shared, &request, watch),
        Some(fault) => suffer(&shared, &reset, &request, watch, fault).await,
    }
}

async fn suffer(
    shared: &Arc<Shared>,
    reset: &Reset,
    request: &Recorded,
    watch: Watch,
    fault: Fault,
) -> Response<Outgoing> {
    match fault {
        Fault::Answer(canned) => finish(watch, whole(&canned, request)),
        Fault::ApplyThenAnswer(canned) => {
            mcp::apply(shared, request);
            finish(watch, whole(&canned, request))
        }
        Fault::Hang => std::future::pending().await,
        Fault::ApplyThenHang => {
            mcp::apply(shared, request);
            std::future::pending().await
        }
        Fault::Reset => {
            reset.notify_one();
            std::future::pending().await
        }
        Fault::ApplyThenReset => {
            mcp::apply(shared, request);
            reset.notify_one();
            std::future::pending().await
        }
        Fault::Wait(gate) => {
            gate.opened().await;
            mcp::answer(shared, request, watch)
        }
        Fault::Steps(canned, steps) => {
            mcp::apply(shared, request);
            let (body, pieces) = Outgoing::made(watch);
            tokio::spawn(steps::walk(pieces, steps, raw_id(request)));
            head(&canned).body(body).unwrap()
        }
    }
}

/// A canned answer to this request.
pub(super) fn whole(canned: &Canned, request: &Recorded) -> Response<Outgoing> {
    let body = match std::str::from_utf8(&canned.body) {
        Ok(text) if text.contains("$ID") => Bytes::from(text.replace("$ID", &raw_id(request))),
        _ => canned.body.clone(),
    };
    head(canned).body(Outgoing::whole(body)).unwrap()
}

/// Marks the request answered.
pub(super) fn finish(watch: Watch, response: Response<Outgoing>) -> Response<Outgoing> {
    watch.answered();
    response
}

fn head(canned: &Canned) -> http::response::Builder {
    let mut response = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        response = response.header(name, value);
    }
    response
}

/// The id of a request as it is spelled; `null` when it has none.
pub(super) fn raw_id(request: &Recorded) -> String {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        id: Option<&'a serde_json::value::RawValue>,
    }
    let message: Option<Message<'_>> = serde_json::from_slice(&request.body).ok();
    message.and_then(|message| message.id).map_or_else(|| "null".to_owned(), |id| id.get().to_owned())
}
