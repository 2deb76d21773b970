//! Names for what is under way. Whoever starts a thing names it: the host names exchanges and commands,
//! the machine names calls and tickets.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    };
}

id! {
    /// One HTTP request of the agent and its answer. Named by the host, never reused in a run.
    ExchangeId
}
id! {
    /// One HTTP request to the relay and its answer. Named by the machine, never reused in a run.
    CallId
}
id! {
    /// One batch of changes for the store. Named by the machine, in the order in which they must become
    /// durable; acknowledged cumulatively.
    Ticket
}
id! {
    /// One command of the runner. Named by the host.
    CommandId
}
