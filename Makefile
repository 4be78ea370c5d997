# make          the three programs in build/
# make check    unit and golden tests, no server
# make test     check, then the pipeline on a real Kafka and a real Elasticsearch
# make demo     the whole way on this machine, explained (KEEP=1 leaves it up)
# make lint     format, layers, tests mirror the tree, generated tables, analyzer, shellcheck
# make format   clang-format in place
# make install  DESTDIR= prefix=/usr/local
# VARIANT=debug|san|release, V=1 shows the commands

VARIANT ?= release
BUILD   ?= build
prefix  ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(V),,@)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc)
# Goals side by side, `make lint test`, would be two makes that build one tree.
ifneq ($(word 2,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
endif

PACKAGES := rdkafka libcurl json-c zlib libcrypto libcares libidn2 libmicrohttpd
OBJ      := $(BUILD)/obj/$(VARIANT)
BIN      := $(if $(filter release,$(VARIANT)),$(BUILD),$(BUILD)/$(VARIANT))
STAGES   := producer aggregator sender
PROGRAMS := $(STAGES:%=$(BIN)/tlsrpt-%)
VERSION  := 0.1.0

WARN := -Wall -Wextra -Wformat=2 -Wconversion -Wshadow -Wvla -Wstrict-prototypes \
        -Wmissing-prototypes -Wcast-qual -Wpointer-arith -Werror=implicit -Werror=format-security
WARN += $(if $(CI),-Werror)
HARD := -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero \
        -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fPIE
ARCH := $(shell uname -m)
HARD += $(if $(filter x86_64,$(ARCH)),-fcf-protection=full) \
        $(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard) \
        $(if $(findstring gcc,$(CC)),-fzero-call-used-regs=used-gpr)
OPTIMIZE_release := -O2 -g -D_FORTIFY_SOURCE=3
OPTIMIZE_debug   := -O0 -g3
OPTIMIZE_san     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(OPTIMIZE_$(VARIANT)),)
$(error VARIANT is debug, san or release)
endif

CPPFLAGS += -I. -D_GNU_SOURCE -DTLSRPT_VERSION='"$(VERSION)"' \
            $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS   += -std=gnu11 $(WARN) $(HARD) $(OPTIMIZE_$(VARIANT)) -pthread
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -pthread \
            $(filter -fsanitize=%,$(OPTIMIZE_$(VARIANT)))
LDLIBS   += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm

COMMON_SRC := $(wildcard common/*.c common/kafka/*.c common/wire/*.c)
COMMON_LIB := $(OBJ)/common.a
TEST_SRC   := $(wildcard tests/common/test_*.c tests/common/kafka/test_*.c tests/common/wire/test_*.c \
                $(STAGES:%=tests/%/test_*.c))
SUPPORT    := $(OBJ)/support.a
TESTS      := $(TEST_SRC:%.c=$(OBJ)/%)
TEST_LIBS  := -lssl -lcmocka # from libssl-dev, as libcrypto

all: $(PROGRAMS)

stage_objects = $(patsubst %.c,$(OBJ)/%.o,$(wildcard $(1)/*.c))

define stage
$(OBJ)/$(1).a: $(filter-out $(OBJ)/$(1)/main.o,$(call stage_objects,$(1)))
$(BIN)/tlsrpt-$(1): $(OBJ)/$(1)/main.o $(OBJ)/$(1).a $(COMMON_LIB)
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(LDLIBS)
$(OBJ)/tests/$(1)/test_%: $(OBJ)/tests/$(1)/test_%.o $(SUPPORT) $(OBJ)/$(1).a $(COMMON_LIB)
	@echo "  LD $$@"
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(LDLIBS) $(TEST_LIBS)
endef
$(foreach s,$(STAGES),$(eval $(call stage,$(s))))

$(COMMON_LIB): $(COMMON_SRC:%.c=$(OBJ)/%.o)
$(SUPPORT): $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/support/*.c))
$(OBJ)/tests/common/%: $(OBJ)/tests/common/%.o $(SUPPORT) $(COMMON_LIB)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(TEST_LIBS)

$(OBJ)/tests/pipeline/copy: $(OBJ)/tests/pipeline/copy.o $(COMMON_LIB)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Said once, and with what helps, instead of by every compilation.
can-compile:
	@{ command -v $(firstword $(CC)) && pkg-config --exists --print-errors $(PACKAGES); } >/dev/null || \
	    { echo "what compiling needs is not all here; on Debian: deploy/local/install --build" >&2; false; }

$(OBJ)/%.o: %.c Makefile | can-compile
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.c,$(OBJ)/%.d,$(COMMON_SRC) $(wildcard $(STAGES:%=%/*.c)) $(TEST_SRC) $(wildcard tests/support/*.c) tests/pipeline/copy.c)

setup-build:
	@deploy/local/install --build
setup:
	@deploy/local/install

check: setup-build
	@$(MAKE) --no-print-directory check-run
check-run: $(PROGRAMS) $(TESTS)
	@tests/run --results $(BUILD)/results/check-$(VARIANT) $(TESTS)
	@tests/golden/run --results $(BUILD)/results/golden-$(VARIANT) $(BIN)

test: setup
	@$(MAKE) --no-print-directory check-run $(OBJ)/tests/pipeline/copy
	@tests/pipeline/run --results $(BUILD)/results/pipeline $(BIN)

demo: setup
	@$(MAKE) --no-print-directory all
	@TLSRPT_BIN="$(abspath $(BIN))" deploy/local/demo

lint: setup-build
	@$(MAKE) --no-print-directory $(PROGRAMS)
	@tests/lint/run $(BIN)

format: setup-build
	tests/lint/sources '*.c' '*.h' | xargs -d '\n' clang-format-14 -i

install: $(PROGRAMS)
	install -d $(DESTDIR)$(prefix)/bin
	install -m 755 $(PROGRAMS) $(DESTDIR)$(prefix)/bin/

clean: # not below a run that is up: its pid files are in there
	@! ls $(BUILD)/run/*/ports 2>/dev/null || { echo "a run is up: deploy/local/down --run NAME"; false; }
	rm -rf $(BUILD)

.PHONY: all setup setup-build can-compile check check-run test demo lint format install clean
.SECONDARY:
.DELETE_ON_ERROR:
