/* A file system that hands everything on to a directory, for benchmarks/store.py: what FUSE costs when C does the
 * least possible behind it. Caching as the store has it: names and attributes for five seconds, data kept over opens.
 *
 *     passthrough SOURCE MOUNTPOINT
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int source;

/* fuse gives paths from the root of the mount: relative to the source they lack the slash */
static const char *below(const char *path) { return path[1] ? path + 1 : "."; }

static int result(int value) { return value < 0 ? -errno : value; }

static void *start(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->kernel_cache = 1;
	config->entry_timeout = config->attr_timeout = 5;
	config->negative_timeout = 0;
	config->nullpath_ok = 1;
	return NULL;
}

static int get_attributes(const char *path, struct stat *to, struct fuse_file_info *file)
{
	return result(file ? fstat(file->fh, to) : fstatat(source, below(path), to, AT_SYMLINK_NOFOLLOW));
}

static int make_file(const char *path, mode_t mode, struct fuse_file_info *file)
{
	int fd = openat(source, below(path), file->flags | O_CREAT, mode);
	file->fh = fd;
	return fd < 0 ? -errno : 0;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	int fd = openat(source, below(path), file->flags);
	file->fh = fd;
	return fd < 0 ? -errno : 0;
}

static int read_file(const char *path, char *to, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	return result(pread(file->fh, to, size, offset));
}

static int write_file(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	return result(pwrite(file->fh, data, size, offset));
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *file)
{
	if (file)
		return result(ftruncate(file->fh, size));
	int fd = openat(source, below(path), O_WRONLY);
	if (fd < 0)
		return -errno;
	int done = result(ftruncate(fd, size));
	close(fd);
	return done;
}

static int flush_file(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(close(dup(file->fh)));
}

static int close_file(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(close(file->fh));
}

static int open_directory(const char *path, struct fuse_file_info *file)
{
	int fd = openat(source, below(path), O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	file->fh = (uintptr_t)directory;
	file->cache_readdir = file->keep_cache = 0;
	return directory ? 0 : -errno;
}

static int list(const char *path, void *to, fuse_fill_dir_t add, off_t offset, struct fuse_file_info *file,
		enum fuse_readdir_flags flags)
{
	(void)path, (void)offset, (void)flags;
	DIR *directory = (DIR *)(uintptr_t)file->fh;
	struct dirent *entry;
	rewinddir(directory);
	while ((entry = readdir(directory)))
		add(to, entry->d_name, NULL, 0, 0);
	return 0;
}

static int close_directory(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(closedir((DIR *)(uintptr_t)file->fh));
}

static int make_directory(const char *path, mode_t mode) { return result(mkdirat(source, below(path), mode)); }

static int remove_directory(const char *path) { return result(unlinkat(source, below(path), AT_REMOVEDIR)); }

static int remove_file(const char *path) { return result(unlinkat(source, below(path), 0)); }

static int rename_entry(const char *from, const char *to, unsigned int flags)
{
	return result(renameat2(source, below(from), source, below(to), flags));
}

static const struct fuse_operations operations = {
	.init = start, .getattr = get_attributes, .create = make_file, .open = open_file, .read = read_file,
	.write = write_file, .truncate = truncate_file, .flush = flush_file, .release = close_file, .readdir = list,
	.opendir = open_directory, .releasedir = close_directory,
	.mkdir = make_directory, .rmdir = remove_directory, .unlink = remove_file, .rename = rename_entry,
};

int main(int count, char **words)
{
	if (count != 3 || (source = open(words[1], O_RDONLY | O_DIRECTORY)) < 0)
		return 2;
	char *argv[] = {words[0], "-f", "-s", words[2], NULL};
	return fuse_main(4, argv, &operations, NULL);
}
