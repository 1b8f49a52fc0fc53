"""Vector instructions as LLVM IR: tiles of dot products, unpacking, selection."""
