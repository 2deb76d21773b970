//! A small world around the machine, in virtual time: a host that does what the machine says and checks its
//! contract, a disk, a relay, agents. Everything that happens is in the plan, so every run can be run again.

mod contract;
mod disk;
mod drive;
mod host;
mod judge;
pub mod messages;
mod plan;
mod relay;
mod run;
mod soak;
mod upstream;
mod verdict;

pub use disk::Disk;
pub use host::{Call, CallStage, Exchange, Host, SentRequest, Stage, Step};
pub use plan::{Act, DiskTurn, Outcome, Plan, Poison};
pub use relay::{Relay, Response};
pub use run::World;
