//! Server-sent events, as an agent reads them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::http1::Connection;
use crate::wait::within;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: String,
}

impl Event {
    /// The JSON-RPC message that it carries.
    ///
    /// # Panics
    /// When it carries none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in event {self:?}"))
    }
}

/// What stands between two empty lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Only comments, without their colon.
    Comment(String),
    Event(Event),
}

/// An answer that is an open event stream. Dropping it is going away.
pub struct Events {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    unread: Vec<u8>,
    _connection: Connection,
}

impl Events {
    /// The stream that an answer begins.
    #[must_use]
    pub fn new(response: Response<Incoming>, connection: Connection) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            unread: Vec::new(),
            _connection: connection,
        }
    }

    /// The next frame; `None` when the stream has ended.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn frame(&mut self) -> Option<Frame> {
        within("the next frame of an event stream", self.wait_for_frame()).await
    }

    /// The next event, comments skipped.
    ///
    /// # Panics
    /// When the stream ends, or nothing comes.
    pub async fn event(&mut self) -> Event {
        loop {
            match self.frame().await {
                Some(Frame::Event(event)) => return event,
                Some(Frame::Comment(_)) => {}
                None => panic!("the event stream ended"),
            }
        }
    }

    /// The next event, unless none comes in this time or the stream ends; comments are skipped.
    pub async fn event_within(&mut self, time: Duration) -> Option<Event> {
        let next = async {
            loop {
                match self.wait_for_frame().await {
                    Some(Frame::Event(event)) => return Some(event),
                    Some(Frame::Comment(_)) => {}
                    None => return None,
                }
            }
        };
        tokio::time::timeout(time, next).await.ok().flatten()
    }

    /// Reads to the end of the stream.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    async fn wait_for_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = take_frame(&mut self.unread) {
                return Some(frame);
            }
            let chunk = self.chunk().await?;
            self.unread.extend_from_slice(&chunk);
        }
    }

    /// The next bytes of the body as they came; `None` at its end or when it breaks off.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        loop {
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                return Some(data);
            }
        }
    }
}

/// All events of a body.
#[must_use]
pub fn parse_all(body: &[u8]) -> Vec<Event> {
    let mut unread = body.to_vec();
    let frames = std::iter::from_fn(|| take_frame(&mut unread));
    frames.filter_map(|frame| if let Frame::Event(event) = frame { Some(event) } else { None }).collect()
}

fn take_frame(unread: &mut Vec<u8>) -> Option<Frame> {
    let (end, after) = ["\r\n\r\n", "\n\n", "\r\r"]
        .into_iter()
        .filter_map(|mark| Some((find(unread, mark.as_bytes())?, mark.len())))
        .map(|(end, length)| (end, end + length))
        .min()?;
    let block = String::from_utf8_lossy(&unread[..end]).into_owned();
    unread.drain(..after);
    Some(parse(&block))
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

fn parse(block: &str) -> Frame {
    let mut event = Event::default();
    let mut data = Vec::new();
    let mut comments = Vec::new();
    let mut fields = 0;
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        fields += usize::from(!name.is_empty());
        match name {
            "" => comments.push(value),
            "id" => event.id = Some(value.to_owned()),
            "event" => event.event = Some(value.to_owned()),
            "data" => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    if fields == 0 { Frame::Comment(comments.join("\n")) } else { Frame::Event(event) }
}
