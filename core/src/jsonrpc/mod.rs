//! JSON-RPC 2.0 as spans of the bytes that came: nothing that passes through is written anew.

pub mod code;
mod edit;
mod message;
mod object;
mod response;
mod same;
mod scan;

pub use edit::{around_member, remove_member, set_member, splice_into};
pub use message::{Id, Malformed, Message, Parsed};
pub use object::Object;
pub(crate) use object::{elements, string};
pub use response::{Response, error_response, quoted, result_response};
pub(crate) use same::says_the_same;
