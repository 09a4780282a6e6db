//! Which functions of our own does the engine run?

pub(crate) mod mask;
