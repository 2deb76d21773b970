//! The way back to a request of the agent: its answer, and until then the call to the relay that is made for it. The
//! call goes on where the answer is waited for, since a task of its own takes longer than much of the rest.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::Response;
use relay_mcp_core::{CallId, Machine};

use super::answer::AgentBody;
use super::call::Calling;
use super::{Driver, lock};

/// Where the machine's actions leave what a request waits for. Dropped without an answer, it breaks the exchange off.
pub(super) struct WayBack(Shared);

/// Where a request waits. Before it is dropped, it is to be [left](Self::leave).
pub(super) struct Waiting {
    shared: Shared,
    /// The call that is made here.
    calling: Option<Calling>,
}

/// Gives up a call that is made where a request waits.
pub(super) struct CallHere(Shared);

type Shared = Arc<Mutex<State>>;

#[derive(Default)]
struct State {
    /// A call to be made.
    next: Option<Calling>,
    /// The call that is made; any other is given up.
    current: Option<CallId>,
    answer: Option<Response<AgentBody>>,
    /// There will be no answer.
    is_broken_off: bool,
    /// Nobody waits any more.
    is_left: bool,
    waker: Option<Waker>,
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The way back to a request, from both of its ends.
pub(super) fn way_back() -> (WayBack, Waiting) {
    let shared = Shared::default();
    (WayBack(Arc::clone(&shared)), Waiting { shared, calling: None })
}

impl WayBack {
    /// Answers. Where nobody waits any more, nobody needs it.
    pub(super) fn send(self, answer: Response<AgentBody>) {
        let mut state = lock(&self.0);
        if !state.is_left {
            state.answer = Some(answer);
        }
    }

    /// Has a call made where the answer is waited for. It comes back where nobody waits, or another one is made.
    pub(super) fn call(&self, calling: Calling) -> Result<CallHere, Calling> {
        let mut state = lock(&self.0);
        if state.is_left || state.next.is_some() || state.current.is_some() {
            return Err(calling);
        }
        state.next = Some(calling);
        state.wake();
        Ok(CallHere(Arc::clone(&self.0)))
    }
}

impl Drop for WayBack {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_broken_off = state.answer.is_none();
        state.wake();
    }
}

impl CallHere {
    /// Gives this call up.
    pub(super) fn cancel(&self, call: CallId) {
        let mut state = lock(&self.0);
        state.current.take_if(|current| *current == call);
        let next = state.next.take_if(|next| next.call == call);
        state.wake();
        drop(state);
        drop(next);
    }
}

impl Waiting {
    /// Makes what calls there are, until there is an answer; nothing where there will be none.
    pub(super) fn poll<M: Machine + Send + 'static>(
        &mut self,
        driver: &Driver<M>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Response<AgentBody>>> {
        let mut is_polled = false;
        loop {
            // Dropped when the state is not locked any more.
            let mut _given_up = None;
            {
                let mut state = lock(&self.shared);
                if state.answer.is_some() || state.is_broken_off {
                    return Poll::Ready(state.answer.take());
                }
                if self.calling.as_ref().map(|calling| calling.call) != state.current {
                    _given_up = self.calling.take();
                }
                if let Some(next) = state.next.take() {
                    state.current = Some(next.call);
                    self.calling = Some(next);
                    is_polled = false;
                }
                if is_polled || self.calling.is_none() {
                    state.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
                // What happens in this poll needs to wake nobody.
                state.waker = None;
            }
            is_polled = true;
            if let Some(calling) = &mut self.calling
                && let Poll::Ready(answer) = calling.answer.as_mut().poll(context)
                && let Some(calling) = self.calling.take()
            {
                lock(&self.shared).current = None;
                driver.end_call(&calling, answer);
            }
        }
    }

    /// Waits no more. Gives the calls that go on, if they are not given up meanwhile.
    pub(super) fn leave(&mut self) -> impl Iterator<Item = Calling> {
        let (answer, current, next) = {
            let mut state = lock(&self.shared);
            state.is_left = true;
            (state.answer.take(), state.current.take(), state.next.take())
        };
        drop(answer);
        let calling = self.calling.take().filter(|calling| current == Some(calling.call));
        calling.into_iter().chain(next)
    }
}
