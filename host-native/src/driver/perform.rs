//! Doing what the machine says, in order. Nothing here waits.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Response, StatusCode};
use relay_mcp_core::headers::HeaderEdit;
use relay_mcp_core::{Action, AnswerHead, Change, Command, ExchangeId, Input, Machine, Reply};

use super::answer::{AgentBody, Pipe};
use super::apart::set_apart;
use super::tables::{Answer, ReplyTo, Tables};
use super::{Core, Driver, call};
use crate::headers;
use crate::relay_client::RelayBody;
use crate::telemetry::observe;

impl<M: Machine + Send + 'static> Driver<M> {
    pub(super) fn perform(&self, core: &mut Core<M>, action: Action) {
        if is_of_use(&action) {
            core.pace.is_of_use();
        }
        let (life, tables) = (core.life, &mut core.tables);
        match action {
            Action::Call { call, request, pass_to } => self.call(life, tables, call, &request, pass_to),
            Action::Splice { call, exchange, edits } => {
                if let Some(Answer::Begun(response)) = tables.calls.remove(call).map(|known| known.answer) {
                    splice(tables, exchange, *response, &edits);
                }
            }
            Action::Read { call } => call::read(tables, call),
            Action::Cancel { call } => self.cancel(tables, call),
            Action::Answer { exchange, head, body } => answer(tables, exchange, &head, body),
            Action::AnswerHead { exchange, head } => self.begin_answer(tables, exchange, &head),
            Action::AnswerChunk { exchange, bytes } => self.answer_chunk(tables, exchange, bytes),
            Action::AnswerEnd { exchange } => {
                if let Some(ReplyTo::Body(pipe)) = take_reply(tables, exchange) {
                    pipe.end();
                }
            }
            Action::Abort { exchange } => {
                // Where nothing was sent yet, dropping the way back is what breaks the exchange off.
                if let Some(ReplyTo::Body(pipe)) = take_reply(tables, exchange) {
                    pipe.break_off();
                }
            }
            Action::Persist { ticket, changes } => {
                if let Some(store) = &core.store {
                    store.persist(ticket, changes);
                }
            }
            Action::Reply { command, reply } => {
                if let Some(asked) = tables.questions.remove(&command) {
                    if let (Command::SetContext(flags), Reply::Done) = (asked.command, &reply) {
                        core.context.extend(flags);
                    }
                    // An asker that is gone needs no reply.
                    let _ = asked.reply.send(reply);
                }
            }
            Action::Observe(observation) => observe(&self.0.metrics, &observation),
        }
    }

    fn begin_answer(&self, tables: &mut Tables, exchange: ExchangeId, head: &AnswerHead) {
        let mut response = head_of(tables, head);
        // Its length is not known yet.
        response.headers_mut().remove(CONTENT_LENGTH);
        let Some(known) = tables.exchanges.get_mut(exchange) else { return };
        let pipe = Arc::new(Pipe::default());
        let driver = self.clone();
        let is_own_stream = matches!(head, AnswerHead::Own { .. });
        if is_own_stream {
            known.headers = headers::toward_relay(&known.headers);
            set_apart(&mut known.headers);
        }
        let on_gone = move || driver.feed(Input::AgentGone { exchange });
        let body = AgentBody::fed(Arc::clone(&pipe), is_own_stream, on_gone);
        if let ReplyTo::Head(reply) = std::mem::replace(&mut known.reply, ReplyTo::Body(pipe)) {
            // An agent that is gone is told of by the drop of the body.
            reply.send(response.map(|()| body));
        }
    }

    fn answer_chunk(&self, tables: &Tables, exchange: ExchangeId, bytes: Bytes) {
        let Some(ReplyTo::Body(pipe)) = tables.exchanges.get(exchange).map(|known| &known.reply) else {
            return;
        };
        if !pipe.put(bytes) {
            tracing::warn!("an agent reads its event stream too slowly, so it was cut off");
            self.feed(Input::AgentGone { exchange });
        }
    }
}

/// Whether somebody was served, or something that was stored is done with.
fn is_of_use(action: &Action) -> bool {
    match action {
        Action::Answer { .. } | Action::Splice { .. } | Action::AnswerEnd { .. } => true,
        Action::Persist { changes, .. } => changes.iter().any(|change| matches!(change, Change::Remove(_))),
        Action::Call { .. }
        | Action::Read { .. }
        | Action::Cancel { .. }
        | Action::AnswerHead { .. }
        | Action::AnswerChunk { .. }
        | Action::Abort { .. }
        | Action::Reply { .. }
        | Action::Observe(_) => false,
    }
}

/// The agent gets the relay's answer.
pub(super) fn splice(
    tables: &mut Tables,
    exchange: ExchangeId,
    response: Response<RelayBody>,
    edits: &[HeaderEdit],
) {
    let Some(ReplyTo::Head(reply)) = take_reply(tables, exchange) else { return };
    let (head, body) = response.into_parts();
    let mut spliced = Response::new(AgentBody::spliced(body));
    *spliced.status_mut() = head.status;
    *spliced.headers_mut() = head.headers;
    headers::strip_toward_agent(spliced.headers_mut());
    headers::edit(spliced.headers_mut(), edits);
    reply.send(spliced);
}

fn answer(tables: &mut Tables, exchange: ExchangeId, head: &AnswerHead, body: Bytes) {
    let response = with_head(tables, head, body);
    if let Some(ReplyTo::Head(reply)) = take_reply(tables, exchange) {
        reply.send(response);
    }
}

/// A whole answer.
pub(super) fn with_head(tables: &Tables, head: &AnswerHead, body: Bytes) -> Response<AgentBody> {
    let mut response = head_of(tables, head).map(|()| AgentBody::whole(body));
    response.headers_mut().remove(CONTENT_LENGTH);
    response
}

fn take_reply(tables: &mut Tables, exchange: ExchangeId) -> Option<ReplyTo> {
    tables.exchanges.remove(exchange).map(|known| known.reply)
}

/// Status and headers of an answer.
fn head_of(tables: &Tables, head: &AnswerHead) -> Response<()> {
    let (status, headers) = match head {
        AnswerHead::Own { status, headers } => {
            let headers: HeaderMap = headers.iter().filter_map(headers::of_machine).collect();
            (StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY), headers)
        }
        AnswerHead::OfCall { call, edits } => {
            let head = tables.calls.get(*call).and_then(|known| match &known.answer {
                Answer::Read { head, .. } => Some(head),
                Answer::Awaited | Answer::Begun(_) => None,
            });
            let mut headers = head.map(|head| head.headers.clone()).unwrap_or_default();
            headers::strip_toward_agent(&mut headers);
            headers::edit(&mut headers, edits);
            (head.map_or(StatusCode::OK, |head| head.status), headers)
        }
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
