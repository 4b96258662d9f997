//! The daemon itself, and the server profiles that it has.

use super::connection::Client;
use super::error::Error;
use crate::proto::{GetServerInfoRequest, GetServerInfoResponse, ListProfilesRequest, Profile};

impl Client {
    /// Which daemon this is, what it can do, and which principal this client is.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn server_info(&self) -> Result<GetServerInfoResponse, Error> {
        let mut server = self.server.clone();
        self.unary(server.get_server_info(self.request(GetServerInfoRequest {})))
            .await
    }

    /// The server profiles that this client may use, in the order of their names.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn profiles(&self) -> Result<Vec<Profile>, Error> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = self.request(ListProfilesRequest {
                page_token,
                ..Default::default()
            });
            let page = self
                .unary(self.server.clone().list_profiles(request))
                .await?;
            all.extend(page.profiles);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }
}
