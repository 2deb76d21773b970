//! What the store's thread is told to do, in the order in which it was told.
//!
//! The thread takes all that waits at once. Where nothing waits but to forget writes that were delivered, it lets
//! more of them come first, and is not woken for each: only for what somebody waits for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use relay_mcp_core::{Change, RecordKind, Ticket};

/// One thing to do.
#[derive(Debug)]
pub(super) enum Order {
    Write(Batch),
    Reload,
}

/// Changes that are made together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) ticket: Ticket,
    pub(super) changes: Vec<Change>,
}

/// Who tells. Dropped, no more orders come.
#[derive(Debug)]
pub(super) struct Giver(Arc<Shared>);

/// Who is told.
pub(super) struct Taker {
    shared: Arc<Shared>,
    /// How long what may wait does.
    patience: Duration,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Taken {
    /// This, and it is not empty.
    Orders(Vec<Order>),
    /// Nothing, for as long as was asked.
    Nothing,
    /// Nothing ever again.
    Closed,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    has_come: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    orders: Vec<Order>,
    is_closed: bool,
    /// The taker sleeps over what is no haste.
    is_patient: bool,
}

/// A way for orders, of which those that may wait do so for as long as `patience`.
pub(super) fn orders(patience: Duration) -> (Giver, Taker) {
    let shared = Arc::<Shared>::default();
    (Giver(Arc::clone(&shared)), Taker { shared, patience })
}

impl Order {
    /// Whether nobody waits for it: a write that was delivered is to be forgotten.
    fn may_wait(&self) -> bool {
        let forgets =
            |change: &Change| matches!(change, Change::Remove(key) if key.kind == RecordKind::Write);
        matches!(self, Self::Write(batch) if !batch.changes.is_empty() && batch.changes.iter().all(forgets))
    }
}

impl Giver {
    /// Tells it. Returns at once.
    pub(super) fn give(&self, order: Order) {
        let mut waiting = self.0.lock();
        let must_wake = !(waiting.is_patient && order.may_wait());
        waiting.orders.push(order);
        drop(waiting);
        if must_wake {
            self.0.has_come.notify_one();
        }
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.has_come.notify_one();
    }
}

impl Taker {
    /// Waits until there is something to do, or for as long as this.
    pub(super) fn take(&self, within: Option<Duration>) -> Taken {
        let mut waiting = self.shared.wait(self.shared.lock(), within, Waiting::has_none);
        if !waiting.orders.is_empty() {
            waiting.is_patient = true;
            waiting = self.shared.wait(waiting, Some(self.patience), Waiting::has_no_haste);
            waiting.is_patient = false;
        }
        match (waiting.orders.is_empty(), waiting.is_closed) {
            (false, _) => Taken::Orders(std::mem::take(&mut waiting.orders)),
            (true, false) => Taken::Nothing,
            (true, true) => Taken::Closed,
        }
    }
}

impl Waiting {
    fn has_none(&self) -> bool {
        self.orders.is_empty() && !self.is_closed
    }

    fn has_no_haste(&self) -> bool {
        self.orders.iter().all(Order::may_wait) && !self.is_closed
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for as long as this is so, and not longer than `within`.
    fn wait<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        within: Option<Duration>,
        is_so: fn(&Waiting) -> bool,
    ) -> MutexGuard<'a, Waiting> {
        let begun = Instant::now();
        while is_so(&waiting) {
            waiting = match within.map(|within| within.saturating_sub(begun.elapsed())) {
                None => self.has_come.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    self.has_come.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use relay_mcp_core::RecordKey;

    use super::*;
    use crate::store::tests::put;

    const FOR_EVER: Duration = Duration::from_secs(3600);

    fn forget(ticket: u64) -> Order {
        let key = RecordKey { kind: RecordKind::Write, id: ticket.to_string() };
        Order::Write(Batch { ticket: Ticket(ticket), changes: vec![Change::Remove(key)] })
    }

    fn keep(ticket: u64) -> Order {
        let changes = vec![put(RecordKind::Write, &ticket.to_string(), "{}")];
        Order::Write(Batch { ticket: Ticket(ticket), changes })
    }

    fn tickets(taken: Taken) -> Vec<u64> {
        let Taken::Orders(orders) = taken else { panic!("{taken:?}") };
        let ticket = |order| match order {
            Order::Write(batch) => Some(batch.ticket.0),
            Order::Reload => None,
        };
        orders.into_iter().filter_map(ticket).collect()
    }

    #[test]
    fn b_5_4_a_receipt_waits_for_nobody_and_takes_with_it_what_waits() {
        let (giver, taker) = orders(FOR_EVER);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| taker.take(None));
            for order in [forget(1), forget(2), keep(3)] {
                giver.give(order);
            }
            assert_eq!(tickets(taken.join().unwrap()), [1, 2, 3]);
        });
    }

    #[test]
    fn what_is_read_again_waits_for_nobody_either() {
        let (giver, taker) = orders(FOR_EVER);
        giver.give(forget(1));
        giver.give(Order::Reload);
        assert!(matches!(taker.take(None), Taken::Orders(orders) if orders.len() == 2));
    }

    #[test]
    fn g_4_what_was_delivered_is_forgotten_within_its_time() {
        let (giver, taker) = orders(Duration::from_millis(1));
        giver.give(forget(1));
        assert_eq!(tickets(taker.take(None)), [1]);
        assert!(matches!(taker.take(Some(Duration::from_millis(1))), Taken::Nothing));
    }

    #[test]
    fn at_the_end_all_that_waits_is_done_at_once() {
        let (giver, taker) = orders(FOR_EVER);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| taker.take(None));
            giver.give(forget(1));
            drop(giver);
            assert_eq!(tickets(taken.join().unwrap()), [1]);
        });
        assert!(matches!(taker.take(None), Taken::Closed));
    }
}
