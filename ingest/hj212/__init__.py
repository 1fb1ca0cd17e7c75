"""HJ 212 (污染物在线监控系统数据传输标准): bytes of a device → readings, without I/O."""
