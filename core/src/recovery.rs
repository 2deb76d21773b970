//! Recovery: the machine as it was, from what the store holds. Deterministic, and the same however often it
//! is done (OUTBOX G11).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::hello;
use crate::mcp::Era;
use crate::menu;
use crate::outbox;
use crate::proxy::Proxy;
use crate::record::{Record, RecordKind};
use crate::session;

/// A record is not one of ours, so that nothing may be built on the store, nor written to it (B-5.10).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record {kind} {id} cannot be read: {why}")]
pub struct OpenError {
    /// The kind of the record.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What is wrong with it; shows nothing of what it says.
    pub why: String,
}

/// Takes all records in.
pub(crate) fn recover(proxy: &mut Proxy, records: Vec<Record>) -> Result<(), OpenError> {
    for record in records {
        let Record { key, value } = record;
        let refuse = |why: String| OpenError { kind: key.kind.name(), id: key.id.clone(), why };
        let text = core::str::from_utf8(&value).map_err(|error| refuse(error.to_string()))?;
        let unread = |error: serde_json::Error| refuse(place_of(&error));
        let unknown = || refuse("its id is not of its kind".to_string());
        match key.kind {
            RecordKind::Hello => {
                serde_json::from_str::<&serde_json::value::RawValue>(text).map_err(unread)?;
                hello::recovered(proxy, era_of(&key.id).ok_or_else(unknown)?, text.into());
            }
            RecordKind::Menu => {
                menu::recovered(proxy, era_of(&key.id).ok_or_else(unknown)?, text).map_err(unread)?;
            }
            RecordKind::Session => session::recovered(proxy, key.id.clone(), text).map_err(unread)?,
            RecordKind::View => {
                if !menu::view_recovered(proxy, &key.id, text).map_err(unread)? {
                    return Err(unknown());
                }
            }
            RecordKind::Write => {
                if !outbox::recovered(proxy, &key.id, text).map_err(unread)? {
                    return Err(unknown());
                }
            }
        }
    }
    Ok(())
}

fn era_of(id: &str) -> Option<Era> {
    [Era::Legacy, Era::Modern].into_iter().find(|era| era.name() == id)
}

/// Where a JSON text is broken, without what it says.
fn place_of(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "it is not of the form that its kind has",
    };
    alloc::format!("{kind} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::{Header, HeaderEdit};
    use crate::{Action, Config, Input, RecordKey, Timestamp};

    /// A stored write of this name, with a header that none is stored with.
    fn write(id: &str) -> Record {
        let value = r#"{"key":"k","tool":"t","state":"queued","enqueuedAt":1,"era":"legacy","session":null,"query":null,
            "headers":[{"name":"mcp-method","value":"m"},{"name":"cookie","value":"c"}],"lastError":null,
            "relayAnswer":null,"params":{}}"#;
        Record { key: RecordKey { kind: RecordKind::Write, id: id.into() }, value: value.into() }
    }

    #[test]
    fn b_5_10_a_write_has_one_spelling_of_its_place_and_another_behind_it() {
        let opened = |id: &str| {
            Proxy::open(Config::default(), [1; 32], Timestamp(1), alloc::vec![write(id)]).map(drop)
        };
        assert_eq!(opened("00000000000000000007"), Ok(()));
        assert_eq!(opened("09223372036854775807"), Ok(()));
        for id in ["7", "+0000000000000000007", "000000000000000000007", "", "18446744073709551615"] {
            assert!(opened(id).is_err_and(|error| error.id == id), "{id}");
        }
    }

    #[test]
    fn b_2_1_a_write_goes_out_with_no_header_that_stays_here_whatever_is_stored() {
        let records = alloc::vec![write("00000000000000000007")];
        let mut proxy = Proxy::open(Config::default(), [1; 32], Timestamp(1), records).unwrap();
        let actions = proxy.step(Timestamp(1), Input::Tick);
        let [Action::Call { request, .. }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(request.edits, [HeaderEdit::Set(Header::new("mcp-method", "m"))]);
    }
}
