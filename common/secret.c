#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

#define SECRET_MAX 65536

const char *secret_judge(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "is not a file";
    return status.st_mode & S_IROTH ? "can be read by everybody (chmod o-r)" : NULL;
}

static int secret_bytes(int fd, struct buffer *content, struct error *err)
{
    char piece[4096];
    ssize_t count = 1;
    while (count > 0) {
        count = read(fd, piece, sizeof(piece));
        if (count < 0)
            return error_set(err, ERROR_RETRY, "%s", strerror(errno));
        buffer_add(content, piece, (size_t)count);
        if (content->length > SECRET_MAX)
            return error_set(err, ERROR_RETRY, "more than %d bytes", SECRET_MAX);
    }
    return 0;
}

/* The last newline is the editor's, not the secret's. */
static int secret_trim(struct buffer *content, struct error *err)
{
    size_t length = content->length;
    if (length > 0 && content->bytes[length - 1] == '\n')
        length--;
    if (length > 0 && length < content->length && content->bytes[length - 1] == '\r')
        length--;
    if (length == 0)
        return error_set(err, ERROR_RETRY, "empty");
    if (memchr(content->bytes, '\0', length))
        return error_set(err, ERROR_RETRY, "has a NUL byte");
    content->bytes[length] = '\0';
    content->length = length;
    return 0;
}

int secret_read(const char *path, char **secret, struct error *err)
{
    struct buffer content = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERROR_RETRY, "%s: %s", path, strerror(errno));
    int result = secret_bytes(fd, &content, err);
    close(fd);
    if (result < 0 || secret_trim(&content, err) < 0) {
        buffer_free(&content);
        return error_wrap(err, "%s", path);
    }
    *secret = buffer_take(&content);
    return 0;
}
