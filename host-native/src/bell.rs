//! A bell between what is polled and the task that polls it, which is not to come for what it brings about itself.
//!
//! Both ends of an HTTP/1.1 connection are polled where the other end of it is used, in one task: to take from a body
//! wakes the connection that it comes over, which is the task itself, and another turn of it takes 2,000 instructions of the
//! 49,000 of a small call.

use std::cell::Cell;
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A bell, which the task that listens hears. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub(crate) struct Bell {
    heard_by: Arc<HeardBy>,
    waker: Waker,
}

/// The task that listens, until it was woken.
#[derive(Default)]
struct HeardBy(Mutex<Option<Waker>>);

thread_local! {
    /// Whose bell is quiet on this thread, and whether it would have rung.
    static QUIET: Cell<(*const HeardBy, bool)> = const { Cell::new((ptr::null(), false)) };
}

impl Bell {
    /// Polls something for a task, which listens from here on.
    pub(crate) fn poll<F: Future + Unpin>(&self, polled: &mut F, task: &Context<'_>) -> Poll<F::Output> {
        match &mut *self.heard_by.lock() {
            Some(listening) => listening.clone_from(task.waker()),
            nobody => *nobody = Some(task.waker().clone()),
        }
        Pin::new(polled).poll(&mut Context::from_waker(&self.waker))
    }

    /// Nobody listens any more.
    pub(crate) fn leave(&self) {
        *self.heard_by.lock() = None;
    }

    /// Does something of which nobody needs to hear, unless it is left undone. Done, it must leave nothing to do for what
    /// the bell is rung by, or the one who did it polls that again. What rings it elsewhere meanwhile is heard.
    pub(crate) fn quietly<T>(&self, act: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let hush = Hush(QUIET.replace((Arc::as_ptr(&self.heard_by), false)));
        let polled = act();
        let (_, has_rung) = QUIET.get();
        drop(hush);
        if has_rung && polled.is_pending() {
            self.ring();
        }
        polled
    }

    /// Who listens is to come.
    pub(crate) fn ring(&self) {
        self.waker.wake_by_ref();
    }
}

impl Default for Bell {
    fn default() -> Self {
        let heard_by = Arc::<HeardBy>::default();
        let waker = Waker::from(Arc::clone(&heard_by));
        Self { heard_by, waker }
    }
}

/// What was quiet before is so again.
struct Hush((*const HeardBy, bool));

impl Drop for Hush {
    fn drop(&mut self) {
        QUIET.set(self.0);
    }
}

impl HeardBy {
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for HeardBy {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let quiet = QUIET.get().0;
        if ptr::eq(quiet, Arc::as_ptr(self)) {
            return QUIET.set((quiet, true));
        }
        let listening = self.lock().take();
        if let Some(listening) = listening {
            listening.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A bell that a task listens to, and how often that was woken since.
    fn heard(act: impl FnOnce(&Bell)) -> usize {
        let (bell, task) = (Bell::default(), Arc::new(Task::default()));
        listen(&bell, &task);
        act(&bell);
        task.0.load(Ordering::Relaxed)
    }

    fn listen(bell: &Bell, task: &Arc<Task>) {
        let waker = Waker::from(Arc::clone(task));
        let mut nothing = poll_fn(|_| Poll::<()>::Pending);
        assert!(bell.poll(&mut nothing, &Context::from_waker(&waker)).is_pending());
    }

    #[test]
    fn who_listens_hears_it_once_and_who_left_does_not() {
        assert_eq!(heard(|bell| bell.ring()), 1);
        assert_eq!(heard(|bell| (0..2).for_each(|_| bell.ring())), 1);
        assert_eq!(heard(Bell::leave), 0);
        let (bell, first, second) = (Bell::default(), Arc::default(), Arc::default());
        listen(&bell, &first);
        listen(&bell, &second);
        bell.ring();
        assert_eq!([first, second].map(|task| task.0.load(Ordering::Relaxed)), [0, 1], "the last one");
    }

    #[test]
    fn what_is_done_quietly_is_heard_where_it_is_left_undone() {
        let ring = |bell: &Bell, polled| {
            assert_eq!(
                bell.quietly(|| {
                    bell.ring();
                    polled
                }),
                polled
            )
        };
        assert_eq!(heard(|bell| ring(bell, Poll::Ready(()))), 0);
        assert_eq!(heard(|bell| ring(bell, Poll::Pending)), 1);
        assert_eq!(
            heard(|bell| {
                ring(bell, Poll::Ready(()));
                bell.ring()
            }),
            1,
            "and no longer"
        );
    }

    #[test]
    fn what_else_rings_meanwhile_is_heard() {
        let from_another_thread = |bell: &Bell| {
            let _ = bell.quietly(|| {
                thread::scope(|scope| {
                    scope.spawn(|| bell.ring());
                });
                Poll::Ready(())
            });
        };
        assert_eq!(heard(from_another_thread), 1);
        let another = Bell::default();
        assert_eq!(
            heard(|bell| {
                let _ = another.quietly(|| {
                    bell.ring();
                    Poll::Ready(())
                });
            }),
            1
        );
        let nested = |bell: &Bell| {
            let _ = bell.quietly(|| {
                let _ = another.quietly(|| Poll::Ready(()));
                bell.ring();
                Poll::Ready(())
            });
        };
        assert_eq!(heard(nested), 0, "what is within another is over with it");
    }
}
