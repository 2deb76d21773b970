//! A small world around the machine, in virtual time: a host that does what the machine says and checks its
//! contract, a disk, a relay, agents. Everything that happens is in the plan, so every run can be run again.
//!
//! What goes wrong in it ([`Act`], [`Outcome`], [`DiskTurn`]): connections that are refused, reset before and after the
//! relay did what was asked, half open, silent; answers that are slow, come in drips, twice, or too late for anybody;
//! 5xx, 429, refused tokens, forgotten sessions; writes and syncs that fail, a disk that is full for a while; a proxy
//! that dies between two steps or between two actions of one, with any prefix of what it had handed to the disk; a
//! wall clock that is set either way; a computer that sleeps.
//!
//! What is looked at: the host's contract, the pace of deliveries and the agents' answers at every step; what is on disk
//! after every crash; and when faults have stopped, that the outbox drains without a word from anybody, that the menu
//! converges and was told, and that everybody is served by the relay again.

mod acts;
mod calls;
mod choice;
mod contract;
mod disk;
mod drive;
mod fate;
mod flow;
mod host;
mod judge;
mod late;
pub mod messages;
mod pace;
mod plan;
mod relay;
mod run;
mod service;
mod soak;
mod upstream;
mod verdict;

pub use choice::runner_of;
pub use disk::Disk;
pub use host::{Call, CallStage, Exchange, Host, SentRequest, Stage, Step};
pub use plan::{Act, Crash, DiskTurn, Outcome, Plan, Poison};
pub use relay::{Relay, Response};
use run::AGENTS;
pub use run::World;
