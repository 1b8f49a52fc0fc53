"""The harness: measures recall, latency and memory of compression methods under a byte budget; knows none by name."""
