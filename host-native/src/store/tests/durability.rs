use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::StoreError;

#[test]
fn b_5_9_what_was_applied_is_there_after_a_crash_at_once() {
    let place = Place::new();
    let (mut sqlite, recovered) = place.open();
    assert_eq!(recovered, []);
    for number in 0..20 {
        sqlite.apply(&[write(number)]).unwrap();
        let recovered = crash_image(&place).records();
        assert_eq!(recovered.len(), number + 1);
    }
    sqlite.rest();
    assert_eq!(bytes(&place.beside("-wal")).len(), 0);
    assert_eq!(crash_image(&place).records().len(), 20);
}

#[test]
fn records_come_back_by_kind_and_id_with_the_last_value_and_without_the_removed() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    let batch = [
        put(RecordKind::Write, "2", "{}"),
        put(RecordKind::Write, "10", "{}"),
        put(RecordKind::Hello, "modern", "{}"),
        put(RecordKind::View, "", "{}"),
        put(RecordKind::Write, "2", r#"{"ä":"€"}"#),
        put(RecordKind::Menu, "legacy", "{}"),
        put(RecordKind::Session, "gone", "{}"),
        Change::Remove(key(RecordKind::Session, "gone")),
        Change::Remove(key(RecordKind::Session, "never there")),
    ];
    sqlite.apply(&batch).unwrap();
    drop(sqlite);
    let names: Vec<_> = place
        .records()
        .into_iter()
        .map(|record| (record.key.kind.name(), record.key.id, record.value))
        .collect();
    let expected = [
        ("hello", "modern", "{}"),
        ("menu", "legacy", "{}"),
        ("view", "", "{}"),
        ("write", "10", "{}"),
        ("write", "2", r#"{"ä":"€"}"#),
    ];
    assert_eq!(names, expected.map(|(kind, id, value)| (kind, id.to_owned(), value.into())));
}

#[test]
fn agents_share_a_file_and_not_a_record() {
    let place = Place::new();
    place.open().0.apply(&[write(1)]).unwrap();
    let (mut other, records) = Sqlite::open(&place.path, "other").unwrap();
    assert_eq!(records, []);
    other.apply(&[Change::Remove(write(1).key().clone())]).unwrap();
    drop(other);
    assert_eq!(place.records().len(), 1);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all_and_the_store_goes_on() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    let not_text = Record { key: key(RecordKind::Write, "2"), value: vec![0xff].into() };
    let error = sqlite.apply(&[write(1), Change::Put(not_text)]).unwrap_err();
    assert!(matches!(error, StoreError::NotText { .. }), "{error}");
    sqlite.apply(&[write(3)]).unwrap();
    drop(sqlite);
    assert_eq!(place.records().len(), 1);
}

#[test]
fn g_12_after_a_full_disk_the_store_is_opened_and_checked_again_and_keeps_what_it_had() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    sqlite.apply(&[write(1)]).unwrap();
    sqlite.limit_pages(8);
    let large = put(RecordKind::Write, "2", &format!("\"{}\"", "x".repeat(100_000)));
    let error = sqlite.apply(&[large]).unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert!(sqlite.is_closed());
    sqlite.apply(&[write(3)]).unwrap();
    drop(sqlite);
    assert_eq!(place.records().len(), 2);
}

#[test]
fn g_12_a_store_that_went_bad_or_away_meanwhile_is_not_written_after_a_failure() {
    for damage in [
        |path: &Path| std::fs::write(path, "not a store").unwrap(),
        |path: &Path| {
            std::fs::remove_file(path).unwrap();
        },
    ] {
        let place = Place::new();
        let (mut sqlite, _) = place.open();
        sqlite.limit_pages(8);
        let large = put(RecordKind::Write, "2", &"x".repeat(100_000));
        sqlite.apply(&[large]).unwrap_err();
        damage(&place.path);
        assert!(matches!(sqlite.apply(&[write(3)]), Err(StoreError::Damaged { .. })));
        assert!(!place.path.exists() || bytes(&place.path) == b"not a store");
    }
}

#[test]
fn g_12_a_disk_without_room_takes_nothing_new_and_still_lets_the_outbox_drain() {
    let (place, _) = Place::with_writes(2);
    std::fs::remove_file(place.beside("-reserve")).unwrap();
    std::fs::create_dir(place.beside("-reserve")).unwrap();
    let (mut sqlite, _) = place.open();
    assert!(matches!(sqlite.apply(&[write(3)]), Err(StoreError::Full { .. })));
    sqlite.apply(&[Change::Remove(write(0).key().clone())]).unwrap();
    std::fs::remove_dir(place.beside("-reserve")).unwrap();
    sqlite.apply(&[write(3)]).unwrap();
    drop(sqlite);
    assert_eq!(place.records().len(), 2);
}

#[test]
fn what_is_forgotten_gives_its_room_back_to_the_disk() {
    let (place, records) = Place::with_writes(5000);
    let size = || place.path.metadata().unwrap().len();
    let before = size();
    let (mut sqlite, _) = place.open();
    let removals: Vec<_> = records.into_iter().map(|record| Change::Remove(record.key)).collect();
    sqlite.apply(&removals).unwrap();
    sqlite.rest();
    assert!(size() < before / 10, "{before} bytes before, {} after", size());
}

#[test]
fn g_15_the_files_are_closed_to_others_and_stay_so() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    sqlite.apply(&[write(1)]).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for file in [place.path.clone(), place.beside("-wal"), place.beside("-shm")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(sqlite);
    std::fs::set_permissions(&place.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (mut sqlite, _) = place.open();
    sqlite.apply(&[write(2)]).unwrap();
    assert_eq!([mode(&place.path), mode(&place.beside("-wal"))], [0o600; 2]);
}

#[test]
fn an_empty_file_and_the_leavings_of_a_crash_at_first_creation_are_a_new_store() {
    let place = Place::new();
    std::fs::write(&place.path, "").unwrap();
    std::fs::write(place.beside(".new"), "half a store").unwrap();
    std::fs::write(place.beside(".new-journal"), "and its journal").unwrap();
    place.open().0.apply(&[write(1)]).unwrap();
    assert_eq!(place.records().len(), 1);
    assert!(!place.beside(".new").exists() && !place.beside(".new-journal").exists());
}

#[test]
fn people_can_read_the_outbox() {
    let (place, _) = Place::with_writes(2);
    let connection = rusqlite::Connection::open(&place.path).unwrap();
    let row: (String, String, String, String) = connection
        .query_row("SELECT key, tool, state, enqueued_at FROM outbox LIMIT 1 OFFSET 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let expected = ["k1", "relay_reply", "queued", "2023-11-14 22:13:20.000"].map(String::from);
    assert_eq!(<[String; 4]>::from(row), expected);
}

#[test]
fn a_person_who_reads_holds_up_nothing() {
    let (place, _) = Place::with_writes(2);
    let (mut sqlite, _) = place.open();
    let reader = rusqlite::Connection::open(&place.path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
    let begun = std::time::Instant::now();
    sqlite.apply(&[write(3)]).unwrap();
    sqlite.rest();
    sqlite.apply(&[write(4)]).unwrap();
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    reader.execute_batch("COMMIT").unwrap();
}
