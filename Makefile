run test check format lock:
	@./dev $@

.PHONY: run test check format lock
