//! Where nothing is sent, whatever the settings say: to addresses of one's own network, along redirects, and to somebody whose certificate
//! is not theirs.

use crate::fake::{Fake, Reply};
use crate::home::Home;
use crate::platforms;
use serde_json::json;
use tagwerk_server::store::DeliveryState;

#[tokio::test]
async fn an_address_of_loopback_is_refused_and_never_connected_to() {
    let fake = Fake::start().await;
    let mut home = Home::start_with("allow_private_targets = false").await;
    let mut all = platforms::all(&fake, &["meta", "postback", "webhook", "webhook-name", "tiktok"]);
    let port = fake.port().to_owned();
    // Names are judged by what they resolve to, at the moment of connecting.
    all["tiktok"]["base_url"] = json!(format!("http://localhost:{port}/tiktok"));
    all["webhook-name"]["url"] = json!(format!("http://localhost:{port}/webhook-name/hook"));
    all["webhook"]["url"] = json!(format!("http://[::ffff:127.0.0.1]:{port}/webhook/hook"));
    home.set_up(all).await;
    home.sales(1, 1).await;
    home.send();
    for platform in ["meta", "tiktok", "postback", "webhook", "webhook-name"] {
        let reason = home.stopped(platform).await.stopped.expect("a reason");
        assert!(reason.contains("TAGWERK_ALLOW_PRIVATE_TARGETS"), "{platform}: {reason}");
        assert_eq!(fake.heard(platform).len(), 0, "{platform}");
        home.until(platform, |row| row.state == DeliveryState::Stopped).await;
    }
}

#[tokio::test]
async fn a_redirect_of_a_webhook_is_not_followed_and_its_reason_says_what_to_do() {
    let (fake, elsewhere) = (Fake::start().await, Fake::start().await);
    let mut home = Home::start_with("allow_private_targets = true").await;
    home.set_up(platforms::all(&fake, &["webhook"])).await;
    for status in [301, 308] {
        let headers = vec![("location", format!("{}/webhook/hook", elsewhere.url))];
        fake.next("webhook", [Reply::Text(status, headers, String::new())]);
    }
    home.sales(1, 1).await;
    home.send();
    for attempts in [1, 2] {
        let rows = home.until("webhook", |row| row.attempts == attempts).await;
        let reason = rows[0].reason.as_deref().expect("a reason");
        assert!(reason.contains("redirects are not followed"), "{reason}");
        home.let_pass(60_000);
    }
    home.delivered("webhook").await;
    assert_eq!(elsewhere.heard("webhook").len(), 0);
}

#[tokio::test]
async fn a_wrong_certificate_gets_no_secret_and_the_reason_names_it() {
    let (fake, good) = (Fake::with_a_wrong_certificate().await, Fake::start().await);
    let mut home = Home::start_with("allow_private_targets = true").await;
    home.set_up(platforms::all(&fake, &["meta", "webhook"])).await;
    home.sales(1, 1).await;
    home.send();
    for platform in ["meta", "webhook"] {
        let rows = home.until(platform, |row| row.attempts == 1).await;
        assert_eq!(rows[0].state, DeliveryState::Waiting, "the certificate may be renewed");
        let reason = rows[0].reason.as_deref().expect("a reason");
        assert!(reason.contains("certificate"), "{platform}: {reason}");
        assert_eq!(fake.heard(platform).len(), 0, "no request goes over a connection to nobody known");
    }
    home.set_up(platforms::all(&good, &["meta", "webhook"])).await;
    for platform in ["meta", "webhook"] {
        home.delivered(platform).await;
    }
}

#[tokio::test]
async fn where_nobody_listens_it_waits_for_somebody() {
    let fake = Fake::start().await;
    let mut home = Home::start_with("allow_private_targets = true").await;
    // A port that was given back just now.
    let gone =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener").local_addr().expect("an address");
    home.set_up(platforms::with(&fake, "meta", json!({ "base_url": format!("http://{gone}/meta") }))).await;
    home.sales(1, 1).await;
    home.send();
    let rows = home.until("meta", |row| row.attempts == 1).await;
    assert_eq!((rows[0].state, rows[0].last_status), (DeliveryState::Waiting, None));
    assert!(rows[0].reason.as_deref().is_some_and(|reason| reason.contains("cannot be reached")), "{rows:?}");
}
