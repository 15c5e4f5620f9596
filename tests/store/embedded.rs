//! The embedded store's own tests: the sweep, and a file that outlives the process.

use std::{
    env,
    future::{Ready, ready},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use countersign::store::{
    Store, StoreError,
    embedded::{EmbeddedStore, OpenError},
};
use tempfile::TempDir;

use super::{
    given::{EXPIRED, commit, committed, creation, number_of, numbered, replacement, stored, until},
    model,
};

pub(crate) fn in_memory() -> Ready<Option<(Arc<dyn Store>, ())>> {
    ready(Some((Arc::new(EmbeddedStore::in_memory().unwrap()), ())))
}

pub(crate) fn in_a_file() -> Ready<Option<(Arc<dyn Store>, TempDir)>> {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store.redb")).unwrap();
    ready(Some((Arc::new(store), directory)))
}

#[tokio::test]
async fn a_sweep_of_an_empty_store_deletes_nothing() {
    let store = EmbeddedStore::in_memory().unwrap();
    assert_eq!(store.sweep(i64::MAX).await, Ok(0));
}

#[tokio::test]
async fn a_sweep_deletes_a_thousand_expired_items_and_none_before_its_time() {
    const NOW: i64 = 1_800_000_000;
    let store = EmbeddedStore::in_memory().unwrap();
    for hundred in 0..10 {
        let names = (0..100).map(|number| format!("expired-{hundred}-{number}"));
        let puts: Vec<_> = names.map(|name| until(creation(&name, numbered(0)), NOW - 1 - hundred)).collect();
        committed(&store, puts).await;
    }
    let staying = [
        until(creation("until-now", numbered(1)), NOW),
        until(creation("until-later", numbered(2)), NOW + 1),
        until(creation("until-the-end", numbered(3)), i64::MAX),
        creation("without-end", numbered(4)),
    ];
    let version = committed(&store, staying.clone()).await;

    assert_eq!(store.sweep(NOW - 10).await, Ok(0));
    assert_eq!(store.sweep(NOW).await, Ok(1_000));
    assert_eq!(store.sweep(NOW).await, Ok(0));
    for hundred in 0..10 {
        for number in 0..100 {
            assert_eq!(stored(&store, &format!("expired-{hundred}-{number}")).await, None);
        }
    }
    for put in staying {
        let found = store.get(&put.key).await.unwrap().unwrap();
        assert_eq!((found.item, found.version, found.ttl), (put.item, version, put.ttl));
    }
}

#[tokio::test]
async fn a_sweep_follows_a_time_to_live_that_changed() {
    let store = EmbeddedStore::in_memory().unwrap();
    let puts = ["cleared", "longer", "shorter"].map(|name| until(creation(name, numbered(1)), 100));
    let version = committed(&store, puts).await;
    committed(&store, [replacement("cleared", version, numbered(2))]).await;
    committed(&store, [until(replacement("longer", version, numbered(2)), 200)]).await;
    committed(&store, [until(replacement("shorter", version, numbered(2)), 50)]).await;

    assert_eq!(store.sweep(60).await, Ok(1));
    assert_eq!(stored(&store, "shorter").await, None);
    assert_eq!(store.sweep(150).await, Ok(0));
    assert_eq!(store.sweep(250).await, Ok(1));
    assert_eq!(stored(&store, "longer").await, None);
    assert_eq!(store.sweep(i64::MAX).await, Ok(0));
    assert_eq!(number_of(&store, "cleared").await, 2);
}

#[tokio::test]
async fn an_item_that_was_swept_and_made_anew_matches_no_older_version() {
    let store = EmbeddedStore::in_memory().unwrap();
    let lost = commit([until(creation("a", numbered(1)), EXPIRED)]);
    assert_eq!(store.commit(&lost).await, Ok(()));
    assert_eq!(store.sweep(EXPIRED + 1).await, Ok(1));
    assert_eq!(stored(&store, "a").await, None);

    let anew = committed(&store, [creation("a", numbered(2))]).await;
    assert_ne!(anew, lost.version);
    let late = commit([replacement("a", lost.version, numbered(3))]);
    assert_eq!(store.commit(&late).await, Err(StoreError::Conflict));
    assert_eq!(store.commit(&lost).await, Err(StoreError::Conflict));
    assert_eq!(number_of(&store, "a").await, 2);
}

#[tokio::test]
async fn commits_go_on_while_a_sweep_runs() {
    let store = EmbeddedStore::in_memory().unwrap();
    for hundred in 0..20 {
        let names = (0..100).map(|number| format!("expired-{hundred}-{number}"));
        committed(&store, names.map(|name| until(creation(&name, numbered(0)), EXPIRED)).collect::<Vec<_>>()).await;
    }
    let sweeper = store.clone();
    let sweep = tokio::spawn(async move { sweeper.sweep(EXPIRED + 1).await });
    let mut version = committed(&store, [creation("busy", numbered(0))]).await;
    for number in 1..=50 {
        version = committed(&store, [replacement("busy", version, numbered(number))]).await;
    }
    assert_eq!(sweep.await.unwrap(), Ok(2_000));
    assert_eq!(number_of(&store, "busy").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_history_with_sweeps_goes_as_in_the_model() {
    model::any_history_with_sweeps_goes_as_in_the_model().await;
}

#[tokio::test]
async fn a_reopened_file_has_its_items_versions_and_times_to_live() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    let lost = commit([creation("a", numbered(1))]);
    assert_eq!(store.commit(&lost).await, Ok(()));
    let version = committed(&store, [until(replacement("a", lost.version, numbered(2)), 100)]).await;
    let before = stored(&store, "a").await;
    drop(store);

    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(stored(&store, "a").await, before);
    assert_eq!(store.commit(&lost).await, Ok(()), "the predecessors are there");
    assert_eq!(store.sweep(101).await, Ok(1), "the times to live are there");
    assert_eq!(store.commit(&commit([replacement("a", version, numbered(3))])).await, Err(StoreError::Conflict));
}

#[test]
fn a_file_that_is_open_already_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    assert_in_use(&path);
    let clone = store.clone();
    drop(store);
    assert_in_use(&path);
    drop(clone);
    EmbeddedStore::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_refused_with_a_reason_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let letter = "Dear redb, this is no database. ".repeat(1_000);
    std::fs::write(&path, &letter).unwrap();
    let error = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(..)), "{error:?}");
    assert!(error.to_string().contains("is damaged, or is no store"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
}

/// Whatever is damaged, the store is refused or has every item as it was.
#[tokio::test]
async fn a_damaged_file_is_refused_with_a_reason_wherever_the_damage_is() {
    let directory = tempfile::tempdir().unwrap();
    let (path, damaged) = (directory.path().join("store.redb"), directory.path().join("damaged.redb"));
    let store = EmbeddedStore::open(&path).unwrap();
    for number in 0..60 {
        committed(&store, [creation(&format!("item-{number}"), numbered(number))]).await;
    }
    drop(store);
    let sound = std::fs::read(&path).unwrap();
    let pages = sound.len() / PAGE;
    let truncated = [1, 100, PAGE, sound.len() / 2, sound.len() - 1].map(|length| sound[..length].to_vec());
    let used = sound.iter().enumerate().skip(PAGE).filter(|(_, byte)| **byte != 0).map(|(at, _)| at).step_by(101);
    let flipped = used.map(|at| altered(&sound, at..at + 1));
    let overwritten = (1..pages).map(|page| altered(&sound, page * PAGE..(page + 1) * PAGE));
    // The first bytes of a page tell its kind.
    let of_another_kind = (1..pages).map(|page| altered(&sound, page * PAGE..page * PAGE + 2));

    let mut refused = 0;
    for bytes in truncated.into_iter().chain(flipped).chain(overwritten).chain(of_another_kind) {
        std::fs::write(&damaged, &bytes).unwrap();
        match EmbeddedStore::open(&damaged) {
            Ok(store) => {
                for number in 0..60 {
                    assert_eq!(number_of(&store, &format!("item-{number}")).await, number);
                }
            }
            Err(error) => {
                refused += 1;
                assert!(matches!(error, OpenError::Damaged(..)), "{error:?}");
                assert!(error.to_string().contains("damaged.redb is damaged, or is no store. Put back"), "{error}");
            }
        }
    }
    assert!(refused > 50, "only {refused} were refused");
}

/// Bytes of a page of the embedded store's file.
const PAGE: usize = 4096;

/// These bytes with a range in which every byte is another.
fn altered(bytes: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[range].iter_mut().for_each(|byte| *byte ^= 0x5a);
    bytes
}

#[test]
fn a_file_that_can_not_be_made_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    let error = EmbeddedStore::open(&directory.path().join("absent/store.redb")).unwrap_err();
    assert!(matches!(error, OpenError::File(..)), "{error:?}");
    assert!(error.to_string().contains("absent/store.redb can't be opened"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let _store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The environment variable with the file's name, for the process that will be killed.
const KILLED: &str = "COUNTERSIGN_TEST_KILLED_STORE";

#[tokio::test]
async fn every_answered_commit_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::embedded::a_process_commits_until_it_is_killed", "--ignored", "--nocapture"])
        .env(KILLED, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answered = Vec::new();
    for line in BufReader::new(process.stderr.take().unwrap()).lines() {
        answered.push(line.unwrap());
        match answered.len() {
            50 => assert_in_use(&path),
            100 => process.kill().unwrap(),
            _ => {}
        }
    }
    process.wait().unwrap();
    assert!(answered.len() >= 100, "{answered:?}");

    let store = EmbeddedStore::open(&path).unwrap();
    for name in answered {
        assert_eq!(number_of(&store, &name).await, 1);
        assert_eq!(stored(&store, &format!("{name}-too")).await.unwrap().item, numbered(2));
    }
}

#[ignore = "not a test: the process that another one kills"]
#[tokio::test]
async fn a_process_commits_until_it_is_killed() {
    let Some(path) = env::var_os(KILLED) else { return };
    let store = EmbeddedStore::open(Path::new(&path)).unwrap();
    for number in 0..100_000 {
        let name = format!("item-{number}");
        committed(&store, [creation(&name, numbered(1)), creation(&format!("{name}-too"), numbered(2))]).await;
        // One write for the whole line: half a name would be another item's.
        io::stderr().write_all(format!("{name}\n").as_bytes()).unwrap();
    }
}

fn assert_in_use(path: &Path) {
    let error = EmbeddedStore::open(path).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
    assert!(error.to_string().contains("is in use: is Countersign running already?"), "{error}");
}
