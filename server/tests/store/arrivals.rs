//! What has come by a site's addresses of late.

use crate::given::{book, said, sale, site};
use tagwerk_protocol::conversion::Conversion;
use tagwerk_server::store::{Arrival, Channel, PostbackState, SharedStore};

fn told(arrivals: &[Arrival]) -> Vec<(Channel, PostbackState, bool, u64)> {
    arrivals.iter().map(|one| (one.channel, one.state, one.booked, one.count)).collect()
}

pub(crate) async fn what_came_is_counted_by_channel_and_state(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    book(&store, &site_id, &sale("t-1", None)).await;
    book(&store, &site_id, &sale("t-2", None)).await;
    book(&store, &site_id, &Conversion { is_test: true, identity: "test".into(), ..sale("t-3", None) }).await;
    store.receive_postback(&site_id, said(Err("it says nothing".into()))).await.expect("received");
    book(&store, &other, &sale("t-1", None)).await;
    let arrivals = store.arrivals(&site_id, 100).await.expect("read");
    let expected = [
        (Channel::Collect, PostbackState::Refused, false, 1),
        (Channel::Collect, PostbackState::Test, true, 1),
        (Channel::Collect, PostbackState::Unattributed, true, 2),
    ];
    assert_eq!(told(&arrivals), expected);
    let real: Vec<bool> = arrivals.iter().map(Arrival::is_real).collect();
    assert_eq!(real, [false, false, true]);
}

pub(crate) async fn only_so_many_of_the_last_are_looked_at(store: SharedStore) {
    let site_id = site(&store).await;
    book(&store, &site_id, &sale("t-1", None)).await;
    for _ in 0..3 {
        store.receive_postback(&site_id, said(Err("it says nothing".into()))).await.expect("received");
    }
    let arrivals = store.arrivals(&site_id, 3).await.expect("read");
    assert_eq!(told(&arrivals), [(Channel::Collect, PostbackState::Refused, false, 3)]);
}
