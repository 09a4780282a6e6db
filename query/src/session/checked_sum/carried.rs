//! How are numbers of up to 128 bits added at the speed of the machine, exactly? In 128 bits, with a count of how often that
//! wrapped: 192 bits in all, which no number of rows can leave.

use std::ops::{AddAssign, SubAssign};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, PrimitiveArray},
        datatypes::{DataType, Decimal128Type},
    },
    common::Result,
};

use super::wide::{overflow, widen};

/// A sum: `low + carry * 2^128`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Carried {
    pub(super) low: i128,
    pub(super) carry: i64,
}

impl Carried {
    /// The sum, if 128 bits hold it.
    pub(super) fn value(self) -> Result<i128> {
        if self.carry == 0 { Ok(self.low) } else { Err(overflow()) }
    }
}

impl AddAssign<i128> for Carried {
    #[inline]
    fn add_assign(&mut self, value: i128) {
        let (low, wrapped) = self.low.overflowing_add(value);
        self.low = low;
        if wrapped {
            self.carry += step(value);
        }
    }
}

impl SubAssign<i128> for Carried {
    #[inline]
    fn sub_assign(&mut self, value: i128) {
        let (low, wrapped) = self.low.overflowing_sub(value);
        self.low = low;
        if wrapped {
            self.carry -= step(value);
        }
    }
}

impl AddAssign for Carried {
    fn add_assign(&mut self, other: Self) {
        *self += other.low;
        self.carry += other.carry;
    }
}

/// What a wrap at this addend stands for.
#[cold]
pub(super) fn step(addend: i128) -> i64 {
    if addend < 0 { -1 } else { 1 }
}

/// Values in 128 bits, digit by digit; those that have them already are not copied.
pub(super) fn numbers(values: &ArrayRef) -> Result<PrimitiveArray<Decimal128Type>> {
    match values.data_type() {
        DataType::Decimal128(..) => Ok(values.as_primitive().clone()),
        _ => widen(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_is_counted_and_taken_back() {
        let mut sum = Carried::default();
        for value in [i128::MAX, i128::MAX, i128::MAX, 1] {
            sum += value;
        }
        assert!(sum.value().is_err());
        let twice = sum;
        sum += twice;
        sum -= i128::MAX;
        for value in [i128::MIN, i128::MIN, i128::MIN, i128::MIN] {
            sum += value;
        }
        // 6 · MAX + 2 − MAX + 4 · MIN = MAX − 2
        assert_eq!(sum.value().unwrap(), i128::MAX - 2);
        let mut low = Carried::default();
        low += i128::MIN;
        low -= 1;
        assert_eq!((low.low, low.carry), (i128::MAX, -1));
    }
}
