//! How is our own API called? One connection pool, one credential, one kind of failure.

// sorted: start
pub mod events;
pub mod failure;
pub mod lake;
pub mod queries;
pub mod rows;
// sorted: end

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

pub use self::failure::{ClientError, Refusal, Result};

const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence within an answer. Long polls last a third of a minute, events have a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(300);

/// A server, and who asks it. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
}

impl Client {
    /// A client of the server at `base`; without a token only what is open to everybody works.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(base: Url, token: Option<SecretString>) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("lakegate-cli/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| ClientError::broken(&error))?;
        Ok(Self { http, base, token })
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A request to `/v1/{segments}`, with the credential. Segments are percent-encoded.
    pub fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// As all calls: no answer, a refusal, or an answer that is not understood.
    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str], query: &[(&str, String)]) -> Result<T> {
        read(self.send(self.request(Method::GET, segments).query(query)).await?).await
    }

    /// Posts a body.
    ///
    /// # Errors
    /// As all calls.
    pub async fn post<T: DeserializeOwned>(&self, segments: &[&str], body: &(impl Serialize + Sync)) -> Result<T> {
        read(self.send(self.request(Method::POST, segments).json(body)).await?).await
    }

    /// Sends a request; answers with a status of 400 or more are refusals.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request
            .send()
            .await
            .map_err(|error| ClientError::of_transport(&self.base, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        Err(ClientError::Refused(Box::new(Refusal::read(status.as_u16(), &body))))
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T> {
    let body = response.bytes().await.map_err(|error| ClientError::broken(&error))?;
    serde_json::from_slice(&body).map_err(|error| ClientError::broken(&error))
}

/// A proxy of the environment has no way to our own machine.
fn is_loopback(base: &Url) -> bool {
    match base.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_below_the_base() {
        let client = Client::new("http://127.0.0.1:1/gate/".parse().unwrap(), None).unwrap();
        let request = client.request(Method::GET, &["queries", "a/b c"]).build().unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/gate/v1/queries/a%2Fb%20c");
    }

    #[test]
    fn the_token_is_not_printed() {
        let token = SecretString::from("very-secret".to_owned());
        let client = Client::new("http://localhost:1".parse().unwrap(), Some(token)).unwrap();
        assert!(!format!("{client:?}").contains("very-secret"));
    }
}
