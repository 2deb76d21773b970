//! What a component finds in the system that it is given, said as text.

use alloc::format;
use alloc::string::String;

use crate::bindings::wasi::cli::{environment, exit, stdout};
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::random::random;
use crate::bindings::wasi::sockets::network::IpAddressFamily;
use crate::bindings::wasi::sockets::tcp_create_socket;

pub(crate) fn ask(what: &str) -> String {
    match what {
        "environment" => format!("{} variables", environment::get_environment().len()),
        "arguments" => format!("{} arguments", environment::get_arguments().len()),
        "directories" => format!("{} directories", preopens::get_directories().len()),
        "socket" => match tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(_) => "a socket".into(),
            Err(refused) => format!("no socket: {}", refused.name()),
        },
        "clock" => format!("{}", monotonic_clock::now() > 0),
        "random" => format!("{} bytes", random::get_random_bytes(32).len()),
        "much-random" => format!("{} bytes", random::get_random_bytes(1 << 40).len()),
        "print" => match stdout::get_stdout().blocking_write_and_flush(b"printed by the component\n") {
            Ok(()) => "printed".into(),
            Err(_) => "not printed".into(),
        },
        "yield" => {
            monotonic_clock::subscribe_duration(0).block();
            "yielded".into()
        }
        "wait" => {
            monotonic_clock::subscribe_duration(3_600_000_000_000).block();
            "waited".into()
        }
        "hoard" => {
            for _ in 0..10_000_000_u32 {
                core::mem::forget(monotonic_clock::subscribe_duration(3_600_000_000_000));
            }
            "hoarded".into()
        }
        "exit" => {
            exit::exit(Ok(()));
            "still here".into()
        }
        _ => format!("{what}?"),
    }
}
