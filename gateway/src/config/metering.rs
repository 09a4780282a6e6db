//! How are bytes turned into money?

use super::settings::{Origin, Problem, Settings};

/// Section `metering`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metering {
    /// Price of workgroups that name none, amount and currency.
    pub price_per_tb: String,
    /// Bytes of a billed megabyte.
    pub megabyte_bytes: u64,
}

impl Metering {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let price_per_tb = settings.text("metering.price_per_tb", "5.00 USD");
        if !is_price(&price_per_tb) {
            let message = "`metering.price_per_tb` must be an amount and a currency such as `5.00 USD`".to_owned();
            settings.complain(Problem {
                origin: Origin::Default,
                message,
            });
        }
        let megabyte_bytes = settings.number("metering.megabyte_bytes", 1_048_576, 1_000_000..=1_048_576);
        Self {
            price_per_tb,
            megabyte_bytes,
        }
    }
}

fn is_price(text: &str) -> bool {
    let Some((amount, currency)) = text.split_once(' ') else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    digits(whole) && digits(fraction) && currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase())
}
