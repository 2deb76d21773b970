//! The thread that writes the store, so that no sync ever holds up the event loop.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use relay_mcp_core::{Change, Record, Ticket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::orders::{Batch, Giver, Order, Taken, Taker, orders};
use super::{Storage, StoreError};

/// The store's thread, as its user holds it. Dropped, the thread still writes what it was given;
/// [`close`](Self::close) waits for that.
pub struct Store {
    orders: Giver,
    thread: JoinHandle<()>,
}

/// What became of tickets. Cumulative: it tells of all tickets up to `through` that no event told of before.
/// Tickets come in the order in which they were persisted. No more events: the store is closed.
#[derive(Debug)]
pub enum StoreEvent {
    /// They are durable (OUTBOX G1).
    Durable {
        /// The last of them.
        through: Ticket,
        /// How long the commit took, its sync included.
        took: Duration,
        /// How many tickets went into the commit.
        batches: usize,
    },
    /// None of them was stored (OUTBOX G12).
    Failed {
        /// The last of them.
        through: Ticket,
        /// A sentence for people.
        reason: String,
    },
    /// What the store holds, as it was [asked](Store::reload) for. Whatever was persisted before has been told
    /// of, and is in it or failed; the tickets that come now may be those of another machine.
    Reloaded(Result<Vec<Record>, StoreError>),
}

/// How long a write that was delivered may wait to be forgotten, for others, so that a queue that drains does not
/// sync for each of them: about as long as a disk takes for one. Nobody waits for that; who dies meanwhile delivers
/// them once more, under their keys (OUTBOX G4).
const FORGET_WITHIN: Duration = Duration::from_millis(2);

/// How long nothing must be written before the storage is put in order.
const QUIET: Duration = Duration::from_secs(1);

impl Store {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn spawn(storage: impl Storage) -> std::io::Result<(Self, UnboundedReceiver<StoreEvent>)> {
        let (orders, given) = orders(FORGET_WITHIN);
        let (events, told) = unbounded_channel();
        let writer = Writer { storage, events };
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || writer.run(&given))?;
        Ok((Self { orders, thread }, told))
    }

    /// Has a batch written: all of it or nothing. Returns at once.
    pub fn persist(&self, ticket: Ticket, changes: Vec<Change>) {
        self.orders.give(Order::Write(Batch { ticket, changes }));
    }

    /// Has everything read that the store holds, once what was given before is written. Returns at once.
    pub fn reload(&self) {
        self.orders.give(Order::Reload);
    }

    /// Writes what was given, closes the storage, and waits for it. Blocks for as long as a commit takes.
    pub fn close(self) {
        drop(self.orders);
        if self.thread.join().is_err() {
            tracing::error!("the store's thread ended in a panic");
        }
    }
}

struct Writer<S> {
    storage: S,
    events: UnboundedSender<StoreEvent>,
}

impl<S: Storage> Writer<S> {
    fn run(mut self, given: &Taker) {
        let mut quiet = None;
        loop {
            quiet = match given.take(quiet) {
                Taken::Orders(orders) => {
                    self.obey(orders);
                    Some(QUIET)
                }
                Taken::Nothing => {
                    self.storage.rest();
                    None
                }
                Taken::Closed => return,
            }
        }
    }

    /// Does what it is told, in the order in which it was told.
    fn obey(&mut self, orders: Vec<Order>) {
        let mut group = Group::default();
        for order in orders {
            match order {
                Order::Write(batch) => group.add(batch),
                Order::Reload => {
                    self.write(std::mem::take(&mut group));
                    let records = self.storage.records();
                    self.tell(StoreEvent::Reloaded(records));
                }
            }
        }
        self.write(group);
    }

    /// One commit for the whole group. When that fails, each ticket on its own, so that a batch that is too
    /// large fails alone.
    fn write(&mut self, group: Group) {
        if group.tickets.is_empty() {
            return;
        }
        let done = self.commit(&group.changes, group.last(), group.tickets.len());
        match done {
            StoreEvent::Failed { .. } if group.tickets.len() > 1 => {
                for (ticket, changes) in group.each() {
                    let done = self.commit(changes, ticket, 1);
                    self.tell(done);
                }
            }
            done => self.tell(done),
        }
    }

    fn commit(&mut self, changes: &[Change], through: Ticket, batches: usize) -> StoreEvent {
        let begun = Instant::now();
        let done = if changes.is_empty() { Ok(()) } else { self.storage.apply(changes) };
        match done {
            Ok(()) => StoreEvent::Durable { through, took: begun.elapsed(), batches },
            Err(error) => StoreEvent::Failed { through, reason: error.to_string() },
        }
    }

    fn tell(&self, event: StoreEvent) {
        // Nobody listens at the end of a shutdown; what was given is written all the same.
        let _ = self.events.send(event);
    }
}

/// Everything that waited: the changes of all tickets one after the other, and where each ticket's end.
#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    tickets: Vec<(Ticket, usize)>,
}

impl Group {
    fn add(&mut self, batch: Batch) {
        self.changes.extend(batch.changes);
        self.tickets.push((batch.ticket, self.changes.len()));
    }

    fn last(&self) -> Ticket {
        self.tickets.last().map_or(Ticket::default(), |(ticket, _)| *ticket)
    }

    fn each(&self) -> impl Iterator<Item = (Ticket, &[Change])> {
        let mut begin = 0;
        self.tickets.iter().map(move |&(ticket, end)| {
            let changes = &self.changes[begin..end];
            begin = end;
            (ticket, changes)
        })
    }
}
