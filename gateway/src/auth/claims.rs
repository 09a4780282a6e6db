//! What does a verified token claim? Read strictly: a claim that stands twice, or has the wrong type, is no claim.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::Reason;

/// Clocks may differ by so much, in seconds.
const LEEWAY: i64 = 30;

/// The claims of a token; each name at most once.
#[derive(Clone, Debug)]
pub(super) struct Claims(Map<String, Value>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Claims, A::Error> {
        let mut claims = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim stands twice"));
            }
        }
        Ok(Claims(claims))
    }
}

impl Claims {
    /// Checks what must hold at `now` (seconds since 1970) and answers with the subject.
    pub(super) fn check(&self, issuer: &str, audience: &str, now: i64) -> Result<&str, Reason> {
        let end = self.end().ok_or(Reason::Claims)?;
        if self.text("iss").ok_or(Reason::Claims)? != issuer {
            return Err(Reason::UnknownIssuer);
        }
        if !self.is_for(audience) {
            return Err(Reason::Audience);
        }
        if end <= now {
            return Err(Reason::Expired);
        }
        if let Some(from) = self.0.get("nbf")
            && from.as_i64().ok_or(Reason::Claims)? > now + LEEWAY
        {
            return Err(Reason::NotYetValid);
        }
        self.text("sub")
            .filter(|subject| !subject.is_empty() && subject.len() <= 255)
            .ok_or(Reason::Claims)
    }

    /// From when on the token is no good, in seconds since 1970: `exp`, and what clocks may differ by.
    pub(super) fn end(&self) -> Option<i64> {
        let expires = self.0.get("exp")?.as_i64()?;
        Some(expires.saturating_add(LEEWAY))
    }

    /// Milliseconds since the user logged in, by `auth_time`.
    pub(super) fn auth_age_ms(&self, now: i64) -> Option<i64> {
        let at = self.0.get("auth_time")?.as_i64()?;
        Some(now.saturating_sub(at).max(0).saturating_mul(1_000))
    }

    /// `amr` names a second factor (RFC 8176).
    pub(super) fn mfa(&self) -> bool {
        let strong = ["mfa", "otp", "hwk", "swk", "sc", "fido", "webauthn"];
        let methods = self.0.get("amr").and_then(Value::as_array);
        methods.is_some_and(|methods| {
            methods
                .iter()
                .filter_map(Value::as_str)
                .any(|method| strong.contains(&method))
        })
    }

    /// The texts at a dotted path: a list, or one text.
    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        // A claim may have dots in its name (`https://example.com/groups`).
        let value = self.0.get(path).or_else(|| {
            let mut steps = path.split('.');
            let first = self.0.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step))
        });
        match value {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(text)) => text == audience,
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(audience)),
            _ => false,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, Reason> {
        let claims: Claims = serde_json::from_str(text).map_err(|_| Reason::Claims)?;
        claims.check("https://id", "lakegate", 1_000).map(str::to_owned)
    }

    #[test]
    fn claims_are_strict() {
        let good = r#"{"iss":"https://id","aud":["x","lakegate"],"sub":"ana","exp":1100}"#;
        assert_eq!(check(good).unwrap(), "ana");
        for (claim, bad, reason) in [
            (r#""exp":1100"#, r#""exp":"1100""#, Reason::Claims),
            (r#""exp":1100"#, r#""exp":900"#, Reason::Expired),
            (r#","exp":1100"#, "", Reason::Claims),
            (r#""exp":1100"#, r#""exp":1100,"nbf":1100"#, Reason::NotYetValid),
            (r#""exp":1100"#, r#""exp":1100,"nbf":"0""#, Reason::Claims),
            (r#""sub":"ana""#, r#""sub":"ana","sub":"root""#, Reason::Claims),
            (r#""sub":"ana""#, r#""sub":7"#, Reason::Claims),
            (r#"["x","lakegate"]"#, r#"["x"]"#, Reason::Audience),
            (r#""aud":["x","lakegate"],"#, "", Reason::Audience),
            (r#""https://id""#, r#"["https://id"]"#, Reason::Claims),
            (r#""https://id""#, r#""https://id/""#, Reason::UnknownIssuer),
        ] {
            assert_eq!(check(&good.replace(claim, bad)), Err(reason), "{bad}");
        }
    }

    #[test]
    fn groups_may_lie_deep() {
        let claims: Claims = serde_json::from_str(r#"{"realm":{"roles":["a","b"]},"one":"c","x.y":["d"]}"#).unwrap();
        assert_eq!(claims.texts("realm.roles"), ["a", "b"]);
        assert_eq!(claims.texts("one"), ["c"]);
        assert_eq!(claims.texts("x.y"), ["d"]);
        assert!(claims.texts("none.roles").is_empty());
    }
}
