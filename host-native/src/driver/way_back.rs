//! The way back to a request of the agent: its answer, and until then the call to the relay that is made for it. The
//! call goes on where the answer is waited for, since a task of its own takes longer than much of the rest.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::Response;
use relay_mcp_core::CallId;

use super::answer::AgentBody;
use super::call::{Called, Calling};
use super::lock;

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
    /// Makes what calls there are, each to its `end`, until there is an answer; nothing where there will be none.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut end: impl FnMut(&Calling, Called),
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
                && let Poll::Ready(called) = calling.answer.as_mut().poll(context)
                && let Some(calling) = self.calling.take()
            {
                lock(&self.shared).current = None;
                end(&calling, called);
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

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    /// A call that is never answered, and whether it goes on.
    fn call(number: u64) -> (Calling, Weak<()>) {
        let goes_on = Arc::new(());
        let watched = Arc::downgrade(&goes_on);
        let answer = Box::pin(async move {
            std::future::pending::<()>().await;
            drop(goes_on);
            unreachable!()
        });
        (Calling::of_nobody(CallId(number), answer), watched)
    }

    fn is_pending(waiting: &mut Waiting) -> bool {
        let polled = waiting.poll(&mut Context::from_waker(Waker::noop()), |_, _| unreachable!());
        polled.is_pending()
    }

    #[test]
    fn b_2_4_a_call_that_is_given_up_is_dropped_before_or_while_it_is_made() {
        for is_made in [false, true] {
            let (way_back, mut waiting) = way_back();
            let (calling, first) = call(1);
            let here = way_back.call(calling).unwrap_or_else(|_| unreachable!());
            assert!(!is_made || is_pending(&mut waiting));
            here.cancel(CallId(2));
            assert!(first.strong_count() == 1, "that was another one");
            here.cancel(CallId(1));
            let (calling, second) = call(2);
            assert!(way_back.call(calling).is_ok(), "there is room for the next");
            assert!(is_pending(&mut waiting));
            assert_eq!((first.strong_count(), second.strong_count()), (0, 1));
        }
    }

    #[test]
    fn b_2_4_who_leaves_hands_over_the_call_that_is_made_and_no_other_comes() {
        let (way_back, mut waiting) = way_back();
        assert!(way_back.call(call(1).0).is_ok());
        assert!(way_back.call(call(2).0).is_err(), "one at a time");
        assert!(is_pending(&mut waiting));
        assert_eq!(waiting.leave().map(|left| left.call.0).collect::<Vec<_>>(), [1]);
        assert!(way_back.call(call(3).0).is_err());
    }

    #[test]
    fn an_answer_ends_the_waiting_and_so_does_its_absence() {
        let poll = |waiting: &mut Waiting| {
            waiting.poll(&mut Context::from_waker(Waker::noop()), |_, _| unreachable!())
        };
        let (answered, mut waiting) = way_back();
        assert!(is_pending(&mut waiting));
        answered.send(Response::new(AgentBody::whole(bytes::Bytes::from_static(b"x"))));
        assert!(matches!(poll(&mut waiting), Poll::Ready(Some(_))));
        let (broken_off, mut waiting) = way_back();
        drop(broken_off);
        assert!(matches!(poll(&mut waiting), Poll::Ready(None)));
    }
}
