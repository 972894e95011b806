//! Starting and stopping: configuration, the token, the command line.

use crate::server::{Server, TOKEN, add_site, command, sale};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Output;

fn run(data: &Path, config: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = command(data);
    if let Some(config) = config {
        let file = data.join("tagwerk.toml");
        std::fs::write(&file, config).expect("written");
        command.env("TAGWERK_CONFIG", file);
    }
    command.args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_unknown_key_stops_the_start_with_file_line_and_the_nearest_key() {
    let data = tempfile::tempdir().expect("a folder");
    let output = run(data.path(), Some("demo = false\nlisten_on = \"127.0.0.1:0\"\n"), &["serve"]);
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("tagwerk.toml, line 2: unknown key `listen_on`; did you mean `listen`?"), "{said}");
}

#[test]
fn help_shows_examples() {
    let data = tempfile::tempdir().expect("a folder");
    for (arguments, example) in [
        (&["--help"][..], "tagwerk serve --listen"),
        (&["serve", "--help"], "tagwerk serve --demo"),
        (&["site", "add", "--help"], "tagwerk site add --name"),
        (&["token", "--help"], "tagwerk token --link"),
        (&["rates", "import", "--help"], "tagwerk rates import eurofxref-hist.csv"),
        (&["rates", "list", "--help"], "tagwerk rates list --day"),
    ] {
        let said = text(&run(data.path(), None, arguments).stdout);
        assert!(said.contains("Example") && said.contains(example), "{arguments:?}: {said}");
    }
}

#[test]
fn sites_are_added_with_ids_of_their_own_and_listed_oldest_first() {
    let data = tempfile::tempdir().expect("a folder");
    let first = add_site(data.path(), "One");
    let second = add_site(data.path(), "Two");
    assert!(first.0 != second.0 && first.1 != second.1);
    let said = text(&run(data.path(), None, &["site", "list"]).stdout);
    let (one, two) = (said.find(&first.1).expect("listed"), said.find(&second.1).expect("listed"));
    assert!(one < two, "{said}");
}

#[test]
fn a_site_with_an_origin_that_is_none_is_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let output = run(data.path(), None, &["site", "add", "--name", "x", "--origin", "shop.example"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("https://shop.example"));
}

#[tokio::test]
async fn a_site_added_while_the_server_runs_is_known_at_once() {
    let server = Server::start().await;
    let (site_id, tracking_id) = add_site(server.data(), "Late");
    let response = server.client.get(format!("{}/{site_id}.js", server.url)).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let url = format!("{}/{tracking_id}/collect/digistore24", server.url);
    let response = server.client.get(url).query(&sale("", "t")).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_new_token_ends_the_old_one() {
    let server = Server::start().await;
    let token = text(&run(server.data(), None, &["token"]).stdout).trim().to_owned();
    assert_eq!(token.len(), 64);
    let with = |token: &str| server.client.get(format!("{}/api/v1/sites", server.url)).bearer_auth(token).send();
    assert_eq!(with(&token).await.expect("an answer").status(), 200);
    assert_eq!(with(TOKEN).await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn a_shutdown_ends_well_and_keeps_what_was_accepted() {
    let mut server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let query = sale(&click_id, "t-1");
    assert_eq!(server.postback(&query).await.0, 200);
    assert!(server.stop());
    let server = server.restarted();
    assert_eq!(server.list("conversions").await.len(), 1);
    assert_eq!(server.list("clicks").await.len(), 1);
}

#[tokio::test]
async fn metrics_are_served_on_an_address_of_their_own() {
    // The port is the system's choice: a listener that is dropped again tells a free one.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let server = Server::start_with(&[], &format!("metrics_listen = \"{free}\"\n")).await;
    server.postback(&sale("", "t-1")).await;
    let text = server.client.get(format!("http://{free}/metrics")).send().await.expect("an answer").text().await;
    assert!(text.expect("text").contains("tagwerk_requests_total"));
}

/// What a server without a given token prints before it listens, and whether a token opens its API.
async fn start_without_token(data: &Path) -> Vec<String> {
    let mut child = command(data)
        .env_remove("TAGWERK_ADMIN_TOKEN")
        .arg("serve")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut printed = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        printed.push(line.expect("text"));
        let Some(url) = printed.last().and_then(|line| line.strip_prefix("listening on ")) else { continue };
        let token = printed.iter().find_map(|line| line.strip_prefix("admin token (shown once): "));
        let sites = format!("{url}/api/v1/sites");
        let answer = reqwest::Client::new().get(sites).bearer_auth(token.unwrap_or("none")).send().await;
        let expected = if token.is_some() { 200 } else { 401 };
        assert_eq!(answer.expect("an answer").status(), expected);
        break;
    }
    child.kill().expect("a process of ours");
    child.wait().expect("it ends");
    printed
}

#[tokio::test]
async fn the_first_start_prints_a_token_and_a_link_once() {
    let data = tempfile::tempdir().expect("a folder");
    let has = |printed: &[String], word: &str| printed.iter().any(|line| line.starts_with(word));
    let first = start_without_token(data.path()).await;
    assert!(has(&first, "admin token") && has(&first, "sign in once:"), "{first:?}");
    let second = start_without_token(data.path()).await;
    assert!(!has(&second, "admin token") && !has(&second, "sign in once:"), "{second:?}");
}

#[tokio::test]
async fn what_was_answered_while_the_server_was_asked_to_stop_is_on_disk() {
    let mut server = Server::start().await;
    let url = server.collect_url("digistore24");
    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for sender in 0..16 {
        let (url, answered) = (url.clone(), answered.clone());
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            for number in 0.. {
                let id = format!("t-{sender}-{number}");
                match client.get(&url).query(&sale("", &id)).send().await {
                    Ok(answer) if answer.status() == 200 => drop(answered.send(id)),
                    _ => break,
                }
            }
        });
    }
    drop(answered);
    let mut kept = vec![answers.recv().await.expect("a first answer")];
    let stopped = tokio::task::spawn_blocking(move || (server.stop(), server));
    while let Some(id) = answers.recv().await {
        kept.push(id);
    }
    let (well, server) = stopped.await.expect("stopped");
    assert!(well);
    let server = server.restarted();
    let booked: Vec<String> =
        server.all("conversions").await.iter().map(|one| one["transaction_id"].to_string()).collect();
    for id in kept {
        assert!(booked.contains(&format!("\"{id}\"")), "{id} was answered, but is not booked");
    }
}

/// A pipe that takes nothing before it is read.
#[cfg(target_os = "linux")]
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: a question about a pipe of ours that is open.
    #[allow(unsafe_code)]
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
    writer.write_all(&vec![b'\n'; usize::try_from(size).expect("a size")]).expect("there is just this much room");
    (reader, writer)
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_asked_to_stop_before_it_has_said_that_it_listens_ends_well() {
    use std::io::Read as _;
    let data = tempfile::tempdir().expect("a folder");
    add_site(data.path(), "Test");
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let (mut printed, output) = full_pipe();
    let mut server = command(data.path());
    server.env("TAGWERK_LISTEN", address.to_string()).arg("serve").stdout(output);
    let mut child = server.spawn().expect("the binary runs");
    // The command holds the other end of the pipe, too.
    drop(server);
    // It listens then, and cannot say so: nobody reads what it prints.
    while std::net::TcpStream::connect(address).is_err() {
        assert!(child.try_wait().expect("asked").is_none(), "it ended by itself");
    }
    // SAFETY: a signal to a child of ours that has not been waited for.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(i32::try_from(child.id()).expect("a pid"), libc::SIGTERM) };
    assert_eq!(sent, 0);
    let mut said = String::new();
    printed.read_to_string(&mut said).expect("text");
    assert!(said.contains("listening on"), "{said}");
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn the_log_holds_neither_secrets_nor_personal_data() {
    let data = tempfile::tempdir().expect("a folder");
    let (site_id, tracking_id) = add_site(data.path(), "Test");
    let mut child = command(data.path())
        .env("TAGWERK_LOG", "debug")
        .arg("serve")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).expect("it listens");
    let client = reqwest::Client::new();
    let postback = format!("{url}/{tracking_id}/collect/digistore24?email=jane%40buyer.example&transaction_type=gift");
    assert_eq!(client.get(postback).send().await.expect("an answer").status(), 422);
    let patch = client.patch(format!("{url}/api/v1/sites/{site_id}/settings")).bearer_auth(TOKEN);
    let change = serde_json::json!({"platforms": {"meta": {"access_token": "secret-of-meta"}}});
    assert_eq!(patch.json(&change).send().await.expect("an answer").status(), 200);
    let (view, click) = crate::server::visit_with_click();
    let lines = format!("{}\n{}\n", view.to_line(), click.to_line());
    let event = client.post(format!("{url}/{site_id}/event")).header("user-agent", "agent-of-jane").body(lines);
    assert_eq!(event.send().await.expect("an answer").status(), 204);
    child.kill().expect("a process of ours");
    let log = text(&child.wait_with_output().expect("it ends").stderr);
    assert!(log.lines().count() > 3 && log.lines().all(|line| line.starts_with('{')), "{log}");
    for word in [tracking_id.as_str(), TOKEN, "jane", "secret-of-meta", "127.0.0.1:5", "Cj0KCQiA", "visitor-"] {
        assert!(!log.contains(word), "{word} stands in the log: {log}");
    }
}
