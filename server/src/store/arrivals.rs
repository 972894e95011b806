//! What has come by the site's addresses of late, by group and channel.

use super::{Channel, Millis, PostbackState, StoreError};
use async_trait::async_trait;

/// Calls of one group by one channel that came to the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The tracking group, as it stood in the URL.
    pub group: String,
    /// The channel.
    pub channel: Channel,
    /// What became of them.
    pub state: PostbackState,
    /// Whether they tell conversions.
    pub booked: bool,
    /// How many there are.
    pub count: u64,
    /// When the last one came.
    pub last: Millis,
}

impl Arrival {
    /// Whether they are sales, leads or refunds of real buyers: neither tests nor refused, nor trials of the connection.
    pub fn is_real(&self) -> bool {
        self.booked
            && matches!(self.state, PostbackState::Accepted | PostbackState::Unattributed | PostbackState::Updated)
    }
}

/// What has come by the site's addresses.
#[async_trait]
pub trait Arrivals {
    /// The last so many postbacks of a site, counted by group, channel and state. It reads no more rows than that.
    async fn arrivals(&self, site_id: &str, most: usize) -> Result<Vec<Arrival>, StoreError>;
}
