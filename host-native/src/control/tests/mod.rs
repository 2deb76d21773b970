//! The control API over real sockets, in front of a machine that is played.

pub(crate) mod played;
mod routes;
mod status_shape;
mod stop;
mod tcp;
mod unix;
