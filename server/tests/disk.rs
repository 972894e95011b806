//! A disk that is full or may not be written: 503 with `Retry-After`, nothing acknowledged is lost, and it works again afterwards.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod binary;

use binary::{Home, Running, client, outbound, page_view};
use reqwest::{Client, Response};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::event::Event;

/// An event of about 8 kB.
fn event(number: usize) -> Event {
    let visit_id = VisitId::parse(&format!("v{number:015}")).expect("16 characters");
    Event { page: format!("https://a.example/?{}", "x".repeat(8000)), ..page_view(&visit_id) }
}

async fn sell(home: &Home, client: &Client, url: &str, transaction: &str, click_id: &str) -> Response {
    let query = [("transaction_id", transaction), ("transaction_type", "payment"), ("cid", click_id)];
    home.tell(client, url, &query).await.expect("an answer")
}

/// Everything that writes says that it cannot now, and when to come again.
async fn assert_unavailable(home: &Home, client: &Client, url: &str) {
    let answers = [
        home.report(client, url, &[event(999_999)]).await.expect("an answer"),
        // As long as a query may be, so that it does not fit where an event does not.
        sell(home, client, url, "refused", &"x".repeat(8000)).await,
    ];
    for answer in answers {
        assert_eq!(answer.status(), 503, "{answer:?}");
        let wait = answer.headers().get("retry-after").expect("Retry-After").to_str().expect("text");
        assert!(wait.parse::<u32>().is_ok(), "{wait}");
    }
}

async fn ready(client: &Client, url: &str) -> u16 {
    client.get(format!("{url}/readyz")).send().await.expect("an answer").status().as_u16()
}

/// Sends events until the disk is full; how many were acknowledged.
async fn fill(home: &Home, client: &Client, url: &str) -> usize {
    for number in 0..2000 {
        let answer = home.report(client, url, &[event(number)]).await.expect("an answer");
        if answer.status() == 503 {
            return number;
        }
        assert_eq!(answer.status(), 204);
    }
    panic!("the disk never was full");
}

/// The server without limits: what was acknowledged and nothing else is there, and writing works.
async fn assert_whole(home: &Home, client: &Client, acknowledged: usize) {
    let running = Running::start(home.serving(""));
    let found: Vec<String> =
        home.list(client, &running.url, "events").await.iter().map(|item| item["event_id"].to_string()).collect();
    let wanted: Vec<String> = (0..acknowledged).rev().map(|number| format!("\"{}\"", event(number).event_id)).collect();
    assert_eq!(found, wanted);
    assert_eq!(home.list(client, &running.url, "postbacks").await.len(), 1);
    assert_eq!(home.list(client, &running.url, "conversions").await.len(), 1);
    assert_eq!(ready(client, &running.url).await, 200);
    let again = home.report(client, &running.url, &[event(acknowledged)]).await.expect("an answer");
    assert_eq!(again.status(), 204);
    assert_eq!(sell(home, client, &running.url, "again", "").await.status(), 200);
    assert_eq!(home.list(client, &running.url, "conversions").await.len(), 2);
    assert_eq!(home.list(client, &running.url, "events").await.len(), acknowledged + 1);
}

/// Fills what `command` may write, and looks that nothing is lost. `make_room` lets the running server write again, where that can be done.
async fn runs_full(home: &Home, command: Command, make_room: fn(&Running) -> bool) {
    let client = client();
    let running = Running::start(command);
    assert_eq!(ready(&client, &running.url).await, 200);
    assert_eq!(sell(home, &client, &running.url, "first", "").await.status(), 200);
    let mut acknowledged = fill(home, &client, &running.url).await;
    assert!(acknowledged > 10, "{acknowledged}");
    assert_unavailable(home, &client, &running.url).await;
    assert_eq!(ready(&client, &running.url).await, 503);
    assert_eq!(home.list(&client, &running.url, "events").await.len(), acknowledged, "what is there can still be read");
    if make_room(&running) {
        let answer = home.report(&client, &running.url, &[event(acknowledged)]).await.expect("an answer");
        assert_eq!(answer.status(), 204, "with room again, it works without a restart");
        assert_eq!(ready(&client, &running.url).await, 200);
        acknowledged += 1;
    }
    running.kill();
    assert_whole(home, &client, acknowledged).await;
}

#[tokio::test]
async fn a_database_at_its_size_limit_answers_503_and_loses_nothing() {
    let home = Home::new();
    let command = home.serving("database_mb = 1\n");
    runs_full(&home, command, |_| false).await;
}

#[tokio::test]
async fn a_disk_that_is_full_answers_503_and_loses_nothing() {
    let home = Home::new();
    let mut command = home.serving("");
    // SAFETY: all calls are async-signal-safe and touch only the child between fork and exec.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            // A write past the limit fails, as on a full disk, instead of ending the process.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            if libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            limit.rlim_cur = 1 << 20;
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    runs_full(&home, command, lift_limit).await;
}

/// Lets a running server write larger files; only Linux can.
#[cfg(target_os = "linux")]
fn lift_limit(running: &Running) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads and sets a limit of a child of ours that has not been waited for.
    #[allow(unsafe_code)]
    unsafe {
        assert_eq!(libc::prlimit(running.pid(), libc::RLIMIT_FSIZE, std::ptr::null(), &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::prlimit(running.pid(), libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()), 0);
    }
    true
}

/// Lets a running server write larger files; only Linux can.
#[cfg(not(target_os = "linux"))]
fn lift_limit(_: &Running) -> bool {
    false
}

/// Sets the rights of the directory and of every file in it.
fn set_rights(directory: &Path, of_directory: u32, of_files: u32) {
    std::fs::set_permissions(directory, Permissions::from_mode(of_directory)).expect("ours");
    for file in std::fs::read_dir(directory).expect("a directory") {
        std::fs::set_permissions(file.expect("a file").path(), Permissions::from_mode(of_files)).expect("ours");
    }
}

/// A server that may read its directory but not write it, whoever runs the test.
fn without_rights(home: &Home, binaries: &Path) -> Command {
    // Rights do not stop root: then the server runs as nobody, from where nobody can read it.
    // SAFETY: asks for a number.
    #[allow(unsafe_code)]
    let is_root = unsafe { libc::geteuid() } == 0;
    let binary = binaries.join("tagwerk");
    std::fs::copy(env!("CARGO_BIN_EXE_tagwerk"), &binary).expect("copied");
    set_rights(binaries, 0o755, 0o755);
    let mut command = home.command_of(&binary);
    command.arg("serve").current_dir("/");
    if is_root {
        command.uid(65534).gid(65534);
    }
    command
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_answers_503_and_loses_nothing() {
    // Killed and stopped servers leave different files behind.
    for stopped_well in [false, true] {
        let (home, client) = (Home::new(), client());
        let binaries = tempfile::tempdir().expect("a directory");
        let running = Running::start(home.serving(""));
        assert_eq!(home.report(&client, &running.url, &[event(0)]).await.expect("an answer").status(), 204);
        assert_eq!(sell(&home, &client, &running.url, "first", "").await.status(), 200);
        if stopped_well {
            running.stop()
        } else {
            running.kill()
        }

        let command = without_rights(&home, binaries.path());
        set_rights(home.data.path(), 0o555, 0o444);
        let running = Running::start(command);
        assert_unavailable(&home, &client, &running.url).await;
        assert_eq!(ready(&client, &running.url).await, 503);
        let alive = client.get(format!("{}/healthz", running.url)).send().await.expect("an answer");
        assert_eq!(alive.status(), 200);

        // Given the rights back, it works without a restart.
        set_rights(home.data.path(), 0o777, 0o666);
        let click_id = ClickId::mint(&event(7).visit_id, &mut |bytes: &mut [u8]| {
            bytes.fill(7);
            true
        })
        .expect("chance");
        let answer = home.report(&client, &running.url, &[Event { page: String::new(), ..outbound(&click_id) }]).await;
        assert_eq!(answer.expect("an answer").status(), 204);
        assert_eq!(ready(&client, &running.url).await, 200);
        running.stop();

        let running = Running::start(home.serving(""));
        assert_eq!(home.list(&client, &running.url, "events").await.len(), 2);
        assert_eq!(home.list(&client, &running.url, "clicks").await.len(), 1);
        assert_eq!(home.list(&client, &running.url, "conversions").await.len(), 1);
    }
}
