use super::*;
use crate::store::{StoreError, inspect};

/// Opening must refuse the store, say where it is, and leave the file as it was.
fn refused(place: &Place) -> StoreError {
    let (before, log) = (bytes(&place.path), std::fs::read(place.beside("-wal")).unwrap_or_default());
    let error = Sqlite::open(&place.path, AGENT).unwrap_err();
    assert_eq!(bytes(&place.path), before, "the file must stay as it was: {error}");
    assert_eq!(std::fs::read(place.beside("-wal")).unwrap_or_default(), log, "and its log: {error}");
    assert_eq!(error.exit_code(), 4, "{error}");
    assert!(error.to_string().contains(&place.path.display().to_string()), "{error}");
    assert!(error.to_string().contains("Nothing was overwritten"), "{error}");
    error
}

#[test]
fn b_5_10_what_is_no_sqlite_file_is_refused_and_kept() {
    for content in ["x", "not a store, and longer than a header of SQLite has to be: \n", "SQLite format 3\0"]
    {
        let place = Place::new();
        std::fs::write(&place.path, content.repeat(3)).unwrap();
        assert!(refused(&place).to_string().contains("it is not a SQLite file"));
    }
}

#[test]
fn b_5_10_a_file_of_another_application_is_refused_and_kept() {
    let place = Place::new();
    let other = rusqlite::Connection::open(&place.path).unwrap();
    other.execute_batch("CREATE TABLE records (agent)").unwrap();
    drop(other);
    assert!(refused(&place).to_string().contains("of another application"));
}

#[test]
fn g_11_a_newer_format_is_refused_and_kept() {
    let (place, _) = Place::with_writes(3);
    alter(&place, "PRAGMA user_version = 2");
    assert!(matches!(refused(&place), StoreError::Newer { found: 2, known: 1, .. }));
}

#[test]
fn b_5_10_a_record_of_unknown_kind_is_refused_and_kept() {
    let (place, _) = Place::with_writes(3);
    alter(&place, "INSERT INTO records VALUES ('agent', 'wish', '1', '{}', 0)");
    assert!(refused(&place).to_string().contains("unknown kind \"wish\""));
}

#[test]
fn b_5_10_a_store_without_its_table_is_refused_and_kept() {
    let (place, _) = Place::with_writes(3);
    alter(&place, "DROP VIEW outbox; DROP TABLE records");
    assert!(refused(&place).to_string().contains("no such table"));
}

#[test]
fn t_3_a_truncated_store_is_refused_and_kept() {
    let (place, _) = Place::with_writes(200);
    let whole = bytes(&place.path);
    for length in [1, 50, 100, 511, 4096, 4097, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(&place.path, &whole[..length]).unwrap();
        let _ = std::fs::remove_file(place.beside("-wal"));
        let _ = std::fs::remove_file(place.beside("-shm"));
        refused(&place);
    }
}

#[test]
fn t_3_a_store_that_is_gone_while_its_log_is_there_is_refused_and_the_log_kept() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    sqlite.apply(&[write(1)]).unwrap();
    let image = crash_image(&place);
    std::fs::write(&image.path, "").unwrap();
    assert!(refused(&image).to_string().contains("still holds writes"));
    std::fs::remove_file(&image.path).unwrap();
    assert!(matches!(inspect(&image.path), Err(StoreError::Damaged { .. })));
}

#[test]
fn t_3_a_flipped_bit_in_the_file_is_refused_or_changes_nothing() {
    let (place, records) = Place::with_writes(60);
    let whole = bytes(&place.path);
    let mut seen = 0;
    for position in flips(whole.len(), 1500) {
        let image = Place::new();
        std::fs::write(&image.path, flipped(&whole, position)).unwrap();
        match Sqlite::open(&image.path, AGENT) {
            Ok((_, recovered)) => assert_eq!(recovered, records, "bit {position}"),
            Err(_) => {
                seen += 1;
                refused(&image);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn t_3_a_header_that_lets_nobody_write_is_refused() {
    let (place, _) = Place::with_writes(1);
    let whole = bytes(&place.path);
    for position in [18, 19] {
        let image = Place::new();
        let mut damaged = whole.clone();
        damaged[position] = 3;
        std::fs::write(&image.path, damaged).unwrap();
        refused(&image);
    }
}

#[test]
fn t_3_a_store_that_ends_anywhere_is_refused_and_kept() {
    let (place, _) = Place::with_writes(60);
    let whole = bytes(&place.path);
    for position in flips(whole.len(), 300) {
        let image = Place::new();
        std::fs::write(&image.path, &whole[..(position / 8).max(1)]).unwrap();
        refused(&image);
    }
}

#[test]
fn t_3_a_sector_of_something_else_is_refused_or_changes_nothing() {
    let (place, records) = Place::with_writes(60);
    let whole = bytes(&place.path);
    let mut seen = 0;
    for (number, position) in flips(whole.len(), 300).enumerate() {
        let image = Place::new();
        let mut damaged = whole.clone();
        let sector = position / 8 / 512 * 512;
        damaged[sector..(sector + 512).min(whole.len())].fill([0, 0xff, 0x5a][number % 3]);
        std::fs::write(&image.path, damaged).unwrap();
        match Sqlite::open(&image.path, AGENT) {
            Ok((_, recovered)) => assert_eq!(recovered, records, "the sector at {sector}"),
            Err(_) => {
                seen += 1;
                refused(&image);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn t_3_a_flipped_bit_in_the_log_loses_at_most_the_last_commit_or_is_refused() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    for number in 0..10 {
        sqlite.apply(&[write(number)]).unwrap();
    }
    let crashed = crash_image(&place);
    let log = bytes(&crashed.beside("-wal"));
    let records = crash_image(&place).records();
    let mut seen = 0;
    for position in flips(log.len(), 800) {
        let image = crash_image(&place);
        std::fs::write(image.beside("-wal"), flipped(&log, position)).unwrap();
        match Sqlite::open(&image.path, AGENT) {
            Ok((_, recovered)) => {
                assert!(recovered == records || recovered == records[..9], "bit {position}")
            }
            Err(_) => {
                seen += 1;
                refused(&image);
            }
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn t_2_a_log_torn_anywhere_recovers_to_a_prefix() {
    let place = Place::new();
    let (mut sqlite, _) = place.open();
    for number in 0..5 {
        sqlite.apply(&[write(number), put(RecordKind::View, "", &"x".repeat(5000))]).unwrap();
    }
    let log = bytes(&place.beside("-wal"));
    let mut last = 0;
    for length in (0..=log.len()).step_by(997).chain([log.len()]) {
        let image = crash_image(&place);
        std::fs::write(image.beside("-wal"), &log[..length]).unwrap();
        let recovered = image.records();
        let writes = recovered.iter().filter(|record| record.key.kind == RecordKind::Write).count();
        assert_eq!(recovered.len(), writes + usize::from(writes > 0), "{length}");
        assert!(writes >= last, "{length}");
        last = writes;
    }
    assert_eq!(last, 5);
}

fn alter(place: &Place, statements: &str) {
    rusqlite::Connection::open(&place.path).unwrap().execute_batch(statements).unwrap();
}

fn flipped(bytes: &[u8], position: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[position / 8] ^= 1 << (position % 8);
    bytes
}

/// Bits all over the file, always the same ones.
fn flips(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % (length as u64 * 8)) as usize
    })
    .take(count)
}
