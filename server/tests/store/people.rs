//! People, and the tokens of programs.

use crate::given::NOW;
use crate::keys::key;
use tagwerk_server::people::Role;
use tagwerk_server::store::{ApiToken, Key, KeyKind, SharedStore, User, UserChange};

/// Somebody who has set no password.
pub(crate) fn anna() -> User {
    User {
        id: "0190-anna".into(),
        email: "anna@example.com".into(),
        name: "Anna".into(),
        role: Role::Analyst,
        password_hash: None,
        created_at: NOW,
        last_seen_at: None,
        disabled: false,
    }
}

fn ben() -> User {
    User { id: "0190-ben".into(), email: "ben@example.com".into(), name: "Ben".into(), ..anna() }
}

pub(crate) async fn add(store: &SharedStore, user: User) {
    assert!(store.add_user(user).await.expect("kept"));
}

async fn sign_in(store: &SharedStore, user: &User, hash: u8) {
    for kind in [KeyKind::Session, KeyKind::OneTimeLink] {
        let key = Key { user_id: Some(user.id.clone()), ..key(kind, hash, NOW) };
        assert!(store.add_key(key).await.expect("kept"));
    }
}

/// Whether the session and the link of this hash open anything.
async fn opens(store: &SharedStore, hash: u8) -> (bool, bool) {
    let good = |kind| async move { store.key(kind, &[hash], NOW - 1).await.expect("read").is_some() };
    (good(KeyKind::Session).await, good(KeyKind::OneTimeLink).await)
}

pub(crate) async fn a_person_is_kept_whole_and_found_by_address_in_any_case(store: SharedStore) {
    add(&store, ben()).await;
    add(&store, anna()).await;
    assert_eq!(store.users().await.expect("read"), [anna(), ben()]);
    assert_eq!(store.user("0190-anna").await.expect("read"), Some(anna()));
    assert_eq!(store.user_by_email("ANNA@Example.com").await.expect("read"), Some(anna()));
    assert_eq!(store.user("nobody").await.expect("read"), None);
    assert_eq!(store.user_by_email("nobody@example.com").await.expect("read"), None);
}

pub(crate) async fn an_address_is_one_person_s_in_whichever_case(store: SharedStore) {
    add(&store, anna()).await;
    let other = User { id: "0190-other".into(), email: "Anna@EXAMPLE.com".into(), ..anna() };
    assert!(!store.add_user(other).await.expect("answered"));
    assert_eq!(store.users().await.expect("read"), [anna()]);
}

pub(crate) async fn a_change_of_role_or_password_ends_that_person_s_sessions_alone(store: SharedStore) {
    add(&store, anna()).await;
    add(&store, ben()).await;
    sign_in(&store, &ben(), 9).await;
    let cases = [
        (UserChange::Name("Anne".into()), (true, true)),
        (UserChange::Role(Role::Owner), (false, true)),
        (UserChange::Password("hash".into()), (false, false)),
        (UserChange::Disabled(true), (false, false)),
    ];
    for (hash, (change, after)) in (1..).zip(cases) {
        sign_in(&store, &anna(), hash).await;
        assert_eq!(opens(&store, hash).await, (true, true));
        assert!(store.change_user(&anna().id, change.clone()).await.expect("changed"));
        assert_eq!(opens(&store, hash).await, after, "{change:?}");
    }
    let changed =
        User { name: "Anne".into(), role: Role::Owner, password_hash: Some("hash".into()), disabled: true, ..anna() };
    assert_eq!(store.user(&anna().id).await.expect("read"), Some(changed));
    assert_eq!(opens(&store, 9).await, (true, true));
    assert_eq!(store.user(&ben().id).await.expect("read"), Some(ben()));
    assert!(!store.change_user("nobody", UserChange::Disabled(true)).await.expect("answered"));
}

pub(crate) async fn who_is_removed_takes_sessions_and_links_along(store: SharedStore) {
    add(&store, anna()).await;
    sign_in(&store, &anna(), 1).await;
    assert!(store.remove_user(&anna().id).await.expect("removed"));
    assert_eq!(opens(&store, 1).await, (false, false));
    assert!(store.users().await.expect("read").is_empty());
    assert!(!store.remove_user(&anna().id).await.expect("answered"));
    add(&store, anna()).await;
    assert_eq!(opens(&store, 1).await, (false, false));
}

fn token(n: u8) -> ApiToken {
    ApiToken {
        id: format!("0190-{n}"),
        name: "zapier".into(),
        role: Role::ReadOnly,
        hash: vec![n],
        created_at: NOW,
        created_by: "anna@example.com".into(),
        last_used_at: None,
    }
}

pub(crate) async fn a_token_is_kept_whole_until_it_is_removed(store: SharedStore) {
    for n in [1, 2] {
        store.add_token(token(n)).await.expect("kept");
    }
    assert_eq!(store.tokens().await.expect("read"), [token(2), token(1)]);
    assert_eq!(store.token(&[1]).await.expect("read"), Some(token(1)));
    for at in [NOW + 5, NOW + 3] {
        store.use_token(&token(1).id, at).await.expect("noted");
    }
    let used = ApiToken { last_used_at: Some(NOW + 5), ..token(1) };
    assert_eq!(store.token(&[1]).await.expect("read"), Some(used.clone()), "time does not run backwards");
    assert_eq!(store.remove_token(&token(1).id).await.expect("removed"), Some(used));
    assert_eq!(store.remove_token(&token(1).id).await.expect("answered"), None);
    assert_eq!(store.token(&[1]).await.expect("read"), None);
    assert_eq!(store.tokens().await.expect("read"), [token(2)]);
}
